"""The tasks by name."""

from __future__ import annotations

from hubel.tasks.classify import Classify
from hubel.tasks.detect import Detect
from hubel.tasks.instances import Instances
from hubel.tasks.localize import Localize
from hubel.tasks.segment import Segment
from hubel.tasks.tags import Tags
from hubel.tasks.task import Task
from hubel.tasks.upscale import Upscale

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (Classify, Tags, Localize, Detect, Instances, Segment, Upscale)
}
"""Name, as in a recipe and in a bundle -> page."""

OF_CLASSES = ("classify", "tags")
"""Those that tell the classes of whole pictures, and not where anything is in them."""
