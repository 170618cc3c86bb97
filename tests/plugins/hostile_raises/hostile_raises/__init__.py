"""A plugin whose import raises."""
