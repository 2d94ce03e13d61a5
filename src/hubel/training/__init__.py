"""Training: the recipe, the fold over steps, checkpoints and the run folder they leave behind."""
