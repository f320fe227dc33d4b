"""What all models of one promise have in common: how they are prepared, trained, judged and told."""
