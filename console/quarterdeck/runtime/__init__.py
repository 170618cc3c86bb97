"""The runtime: one process per instance that owns resources, jobs and the journal, and runs no plugin code."""
