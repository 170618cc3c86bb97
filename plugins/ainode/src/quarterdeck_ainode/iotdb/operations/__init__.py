"""What is done to a cluster: statements, plans, short actions and host jobs."""
