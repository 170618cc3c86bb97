"""A plugin that calls sys.exit while it is imported."""
