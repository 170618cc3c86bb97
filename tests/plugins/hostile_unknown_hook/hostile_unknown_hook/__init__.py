"""A plugin with a typing error in the name of a hook."""
