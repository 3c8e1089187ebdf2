"""The invariants of docs/invariants.md as SQL on a live system."""
