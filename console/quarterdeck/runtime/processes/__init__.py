"""Managed processes: what is wanted of them, their guards, and everything that keeps them so."""
