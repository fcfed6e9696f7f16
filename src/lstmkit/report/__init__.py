"""Plots and pages from the records of a run or a lab, never from a model."""

from lstmkit.report.page import draw_lab, draw_run

__all__ = ["draw_lab", "draw_run"]
