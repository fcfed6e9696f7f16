"""Plots and pages from records of runs, labs, analyses, comparisons, probes and explanations, never from a model."""

from lstmkit.report.importing import import_matplotlib

import_matplotlib()  # before the modules below import it

# ruff: noqa: E402
from lstmkit.report.analysis_page import draw_analysis
from lstmkit.report.compare_page import draw_compare
from lstmkit.report.explanation_page import draw_explanation
from lstmkit.report.forecast_page import draw_forecast
from lstmkit.report.lab_page import draw_lab
from lstmkit.report.page import draw_run
from lstmkit.report.probe_page import draw_probe
from lstmkit.report.regression_page import draw_regression
from lstmkit.report.trained import draw_trained

__all__ = [
    "draw_analysis",
    "draw_compare",
    "draw_explanation",
    "draw_forecast",
    "draw_lab",
    "draw_probe",
    "draw_regression",
    "draw_run",
    "draw_trained",
]
