"""The page of tags."""
