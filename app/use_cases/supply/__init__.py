"""Where the goods come from: suppliers, lots, recalls."""
