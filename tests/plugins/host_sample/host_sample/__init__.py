"""A plugin for tests of hosts: its backends and jobs do what their settings and names say, also what nobody should."""
