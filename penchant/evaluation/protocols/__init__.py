"""How each promise is judged."""
