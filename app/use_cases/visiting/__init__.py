"""A van at a site, from the first door to the last."""
