"""What a cluster has too much of to keep: lists that come page by page."""
