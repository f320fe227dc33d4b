"""Look-alike models: seeds and users become scores."""
