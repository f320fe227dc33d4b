"""Look-alike audiences in the report."""
