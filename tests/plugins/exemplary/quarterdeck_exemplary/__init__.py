"""A small plugin that works: what tests of runtime, console and command line operate."""
