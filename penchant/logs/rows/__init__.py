"""What stands in a row: ids, times, lists, whatever a table holds them as."""
