"""Training: one loop for all families, its checkpoints, and what one step is."""
