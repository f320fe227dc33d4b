"""Tables in, checked and time-ordered logs out: every row enters or is set aside with its reason."""
