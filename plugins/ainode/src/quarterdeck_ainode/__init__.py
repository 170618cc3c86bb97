"""AINode: the time-series models of Apache IoTDB, and a local engine with the same models."""
