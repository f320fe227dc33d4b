"""One loop that trains every interest model, and what it needs: losses, optimizers, checkpoints."""
