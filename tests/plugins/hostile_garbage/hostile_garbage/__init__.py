"""A plugin that writes everywhere it can, and declares well in between."""
