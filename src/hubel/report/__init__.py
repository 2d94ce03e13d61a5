"""report.html of a run: one offline file."""

from hubel.report.page import write_report

__all__ = ["write_report"]
