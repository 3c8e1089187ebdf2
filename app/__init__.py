"""The order service: catalogue, orders, money, plans, people. See `docs/` for how its rooms lie."""
