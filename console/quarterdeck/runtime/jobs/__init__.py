"""Jobs: the queue, the service that runs attempts, recovery after the death of a runtime, artefacts."""
