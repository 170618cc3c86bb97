"""The supervisor of plugin hosts: processes, connections, logs, restarts."""
