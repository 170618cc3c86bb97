"""The ids of the workbench's actions."""

FORECAST = "series.forecast"
CLASSIFY = "series.classify"
INFER = "series.infer"
WRITE = "forecast.write"

ACTIONS = (FORECAST, CLASSIFY, INFER, WRITE)
