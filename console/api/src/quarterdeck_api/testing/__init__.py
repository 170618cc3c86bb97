"""What the authors of plugins test their backends with; needs no test framework."""
