"""From a checked log to what models read: vocabularies, fields of weighted values, labels, shards."""
