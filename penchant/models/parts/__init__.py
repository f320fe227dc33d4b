"""What models share: layers, crosses, clusters."""
