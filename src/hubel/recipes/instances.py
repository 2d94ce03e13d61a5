"""Objects with their masks: conditional convolutions on the detector, on a small residual network.

    hubel train path/to/data --recipe instances
    hubel train shapes --task instances

Generated scenes of 128 pixels: mask mAP@0.5 79.5 % (COCO's mask mAP 55.0 %, boxes at 0.5 83.4 %)
after 4.7 minutes of one processor in float32; bf16 takes less.
"""

from hubel.recipes import detect

RECIPE = detect.RECIPE.replace(task="instances", epochs=12)
