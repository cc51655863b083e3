"""Figures: pure functions of results that return a matplotlib Figure."""
