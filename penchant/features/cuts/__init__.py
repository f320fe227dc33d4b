"""How a log is cut into history and labels: by user, or by period."""
