"""What the world looks like: symbols, bars, sessions and where bars come from."""
