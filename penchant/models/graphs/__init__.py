"""Graph models: users and items become vectors of one space."""
