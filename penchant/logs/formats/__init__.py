"""How tables are read, whatever they are written in."""
