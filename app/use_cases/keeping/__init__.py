"""What a keeper does: help, rescue, the cold bag."""
