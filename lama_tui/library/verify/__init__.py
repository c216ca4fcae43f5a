"""What can be trusted of a model on this disk, level by level, each shown on its own."""
