"""The built-in models: what they take, and how they are fitted."""
