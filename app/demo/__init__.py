"""The demo: what runs it without anything installed, and its data (sites, products, runs): TOML with its readers."""
