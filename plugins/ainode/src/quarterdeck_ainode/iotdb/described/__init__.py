"""What the pages of a cluster's resources say."""
