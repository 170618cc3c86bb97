"""Data between a cluster and datasets: series are read into datasets, and datasets are written to series and tables."""
