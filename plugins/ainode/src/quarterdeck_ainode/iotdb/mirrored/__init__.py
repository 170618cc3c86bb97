"""What a cluster is at the moment: asked, kept, and told as nodes, models, AI devices and findings."""
