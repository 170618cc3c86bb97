"""A plugin for a contract that does not exist yet."""
