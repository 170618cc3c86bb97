"""The plugin host: one process that opens a plugin's backends, watches them, and runs the plugin's waiting jobs."""
