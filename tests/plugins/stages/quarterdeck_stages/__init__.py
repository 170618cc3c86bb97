"""A plugin whose work is done by managed processes: stages that report ten times a second and take control messages."""
