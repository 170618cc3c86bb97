"""A plugin that ends its process without any clean-up."""
