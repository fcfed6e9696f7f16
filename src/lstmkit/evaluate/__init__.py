"""Metrics, baselines and statistics: no number without its baseline and interval."""
