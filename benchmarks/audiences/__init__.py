"""Look-alike audiences: what scorers are worth, and how fast they and clusters of seeds are."""
