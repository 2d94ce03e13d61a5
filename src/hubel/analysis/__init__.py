"""What the numbers of a run say: its errors, its calibration, the account of its network."""
