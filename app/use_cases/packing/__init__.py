"""What pickers do: line by line, weighed, sealed."""
