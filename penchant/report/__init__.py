"""One page about many runs: every number with its interval, and the same numbers as JSON."""
