"""Plots and pages from the records of a run, a lab or an analysis, never from a model."""

from lstmkit.report.analysis_page import draw_analysis
from lstmkit.report.page import draw_lab, draw_run

__all__ = ["draw_analysis", "draw_lab", "draw_run"]
