"""A plugin that claims the id of another one; its code must never run."""
