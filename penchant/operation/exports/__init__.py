"""Profiles and audiences of a run, written where other programs read them: files, tables, an online store."""
