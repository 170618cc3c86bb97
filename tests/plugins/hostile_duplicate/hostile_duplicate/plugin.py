"""A plugin that claims the id of another one; its code must never run."""

raise AssertionError("the code of a plugin without an id of its own was run")
