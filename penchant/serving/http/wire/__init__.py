"""Connections below HTTP: how many there are, how long they may do nothing, how much one may send ahead."""
