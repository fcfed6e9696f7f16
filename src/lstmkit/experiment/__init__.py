"""Whole protocols: one training run from source to report, and the laboratory experiment."""
