"""What was wrong with what came: claims, their answers, and batches that several claim."""
