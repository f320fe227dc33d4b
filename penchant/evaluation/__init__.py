"""How good a ranking is, of tags or of users, beside baselines, with intervals."""
