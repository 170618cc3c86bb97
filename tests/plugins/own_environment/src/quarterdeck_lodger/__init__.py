"""A plugin that says in which environment it runs, and which version of it does."""

VERSION = "1.0"
