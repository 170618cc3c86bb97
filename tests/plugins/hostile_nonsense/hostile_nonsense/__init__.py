"""A plugin whose hooks return nonsense."""
