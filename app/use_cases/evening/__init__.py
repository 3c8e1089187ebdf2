"""When people or vans are late: choices, withdrawals, and what time decides."""
