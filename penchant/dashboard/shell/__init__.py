"""What all pages share: HTTP, access, charts, words."""
