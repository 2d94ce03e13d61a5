"""Raw scores, boxes and masks become answers here, in numpy, and nowhere else."""
