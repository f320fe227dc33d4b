"""One loop that trains every model, and what it needs: objectives, losses, optimizers, checkpoints."""
