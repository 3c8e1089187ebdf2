"""Simulated locker controllers, and the page that shows them."""
