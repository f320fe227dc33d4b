"""What a column holds, by a sample of it: clocks, lists, ids, flags, free text."""
