"""The connection to the runtime, used by command line and console alike."""
