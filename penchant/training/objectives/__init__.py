"""What each promise learns by."""
