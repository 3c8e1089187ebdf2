"""What the service and a site say to each other, and what it means."""
