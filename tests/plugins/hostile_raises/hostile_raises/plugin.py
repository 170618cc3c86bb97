"""A plugin whose import raises."""

raise RuntimeError("the hold is on \x1b[31mfire\x1b[0m")
