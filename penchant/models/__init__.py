"""Interest models: fields in, user vectors out; a preference is an inner product with a tag's vector."""
