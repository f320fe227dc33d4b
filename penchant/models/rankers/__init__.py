"""Rankers: a user, their history and candidates become a logit per task."""
