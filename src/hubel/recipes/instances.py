"""Objects with their masks: conditional convolutions on the detector, on a small residual network.

    hubel train path/to/data --recipe instances
    hubel train shapes --task instances

Generated scenes of 128 pixels take about two minutes.
"""

from hubel.recipes import detect

RECIPE = detect.RECIPE.replace(task="instances", epochs=12)
