"""The local engine: its backend, its jobs and what they leave."""
