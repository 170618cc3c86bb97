"""What clients talk to: the server, sessions, watches with flow control, log streams."""
