"""Interest models: a user becomes a vector, its inner product with a tag's is the preference."""
