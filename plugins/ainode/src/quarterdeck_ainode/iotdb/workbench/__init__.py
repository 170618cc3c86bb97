"""The workbench: forecasts and labels of series that lie in a cluster, by its models and by the local engine's side by side."""
