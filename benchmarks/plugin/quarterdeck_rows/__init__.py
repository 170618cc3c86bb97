"""A plugin for benchmarks: many models, some of which change, and a backend that hangs."""
