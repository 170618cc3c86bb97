"""A plugin whose store has a million series, each with a million samples: browsed, never mirrored."""
