"""What a serving process does beside answering: consuming events, clustering."""
