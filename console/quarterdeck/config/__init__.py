"""Where an instance keeps its files, and its settings."""
