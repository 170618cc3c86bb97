"""A plugin with texts to edit, logs, live documents, metrics, files, secrets and programs to run."""
