"""How good a ranking of tags is, beside baselines, with intervals."""
