"""Counts what a log and the tables beside it hold, bucket by bucket; keeps no id of a user."""
