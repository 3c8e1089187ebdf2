"""Which doors and which run an order is meant for."""
