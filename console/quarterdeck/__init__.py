"""Quarterdeck: a terminal operations console for time-series machine learning."""
