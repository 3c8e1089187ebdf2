"""The contract between the order service, the site gateways and the locker controllers."""
