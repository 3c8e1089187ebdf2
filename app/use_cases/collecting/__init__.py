"""Codes, and how an order ends."""
