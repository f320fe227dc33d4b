"""What may be told to whom: a key that only reads learns about users whom it can name, and not who clicked an item."""
