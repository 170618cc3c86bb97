"""Talking to a cluster: sessions, their pool, columns read and tablets written."""
