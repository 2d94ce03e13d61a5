"""The pages that Hubel writes."""

from hubel.report.page import write_report
from hubel.report.scenes import write_scenes_report
from hubel.report.tags import write_tags_report

__all__ = ["write_report", "write_scenes_report", "write_tags_report"]
