"""Finds plugins, reads their catalogues, and says why one cannot be used."""
