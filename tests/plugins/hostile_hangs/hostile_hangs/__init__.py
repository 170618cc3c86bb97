"""A plugin that never gets imported, and leaves a child that ignores signals."""
