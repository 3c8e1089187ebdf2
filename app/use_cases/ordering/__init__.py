"""From a basket to an order that holds stock, a window and doors; and the runs that can be ordered for."""
