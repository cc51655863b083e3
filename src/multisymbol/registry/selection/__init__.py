"""Which stored model answers for a symbol, and why."""
