"""The look-alike page."""
