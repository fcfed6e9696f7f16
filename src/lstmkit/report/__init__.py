"""Plots and pages from the records of a run, a lab, an analysis, a comparison or a probe, never from a model."""

from lstmkit.report.analysis_page import draw_analysis
from lstmkit.report.compare_page import draw_compare
from lstmkit.report.page import draw_lab, draw_run
from lstmkit.report.probe_page import draw_probe

__all__ = ["draw_analysis", "draw_compare", "draw_lab", "draw_probe", "draw_run"]
