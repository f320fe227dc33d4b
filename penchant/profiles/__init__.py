"""Tag profiles: for all users at once, and one user's explained."""
