"""A feed whose truth is known: users with interests, articles with tags, clicks by a stated rule."""
