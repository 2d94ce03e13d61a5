"""What can be done to a tensor: each operation with its equation."""
