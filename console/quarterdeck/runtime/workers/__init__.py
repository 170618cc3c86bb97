"""Workers behind their guards, and the pool that keeps them warm."""
