"""A plugin whose jobs have steps, start other jobs, and map."""
