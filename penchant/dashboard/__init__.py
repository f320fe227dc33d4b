"""Pages over all of it: who likes what, where tags lie, how audiences stand; they read and hardly ever write."""
