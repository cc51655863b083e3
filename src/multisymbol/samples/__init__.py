"""Which rows are learned from, and in which order."""
