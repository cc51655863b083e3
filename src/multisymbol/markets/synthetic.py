"""Seeded markets with a known answer: for the demo, for tests, for nulls."""
