"""Plots and pages from the records of a run, a lab or a comparison, never from a model."""

from lstmkit.report.compare_page import draw_compare
from lstmkit.report.page import draw_lab, draw_run

__all__ = ["draw_compare", "draw_lab", "draw_run"]
