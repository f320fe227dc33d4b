"""Open candidates, live: their seeds, clusters and scores."""
