"""Side-by-side figures: ours against a floor measured in the same run. Ratios travel between machines, times do not."""
