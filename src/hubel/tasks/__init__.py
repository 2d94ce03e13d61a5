"""Tasks: the head, the loss and the score; the only place that knows targets."""
