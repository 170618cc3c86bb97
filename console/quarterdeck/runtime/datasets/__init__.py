"""Datasets: the catalogue, imports of CSV files and samples, frequencies."""
