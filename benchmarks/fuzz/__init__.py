"""Nonsense in masses for everything that reads what strangers send."""
