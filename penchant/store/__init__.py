"""Where live state is kept: a promise, and three ways to keep it (in memory, SQLite, Redis)."""
