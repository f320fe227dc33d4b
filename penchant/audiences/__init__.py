"""Audiences: all users at one moment, the seeds of an item, who is most like them, and why."""
