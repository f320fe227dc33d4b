"""Public data sets, downloaded and checked."""
