"""All of serving that knows HTTP."""
