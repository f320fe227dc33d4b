"""How calls that block are done: in threads that nobody can take from the others, several together."""
