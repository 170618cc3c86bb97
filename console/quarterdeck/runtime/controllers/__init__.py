"""Controllers: what is kept of them, when they look, and what can be done with them."""
