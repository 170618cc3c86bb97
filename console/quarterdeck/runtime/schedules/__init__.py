"""Schedules: rules that request actions at times, while the runtime runs."""
