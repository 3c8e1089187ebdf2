"""Payments and refunds, as our books and the provider have them."""
