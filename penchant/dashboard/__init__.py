"""Pages about a run: what users like, where tags lie, how audiences stand, how well models do, how the process runs."""
