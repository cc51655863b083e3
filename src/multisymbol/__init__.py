"""Neuro-fuzzy trading models on the bars of many symbols at once: universal against single, with valid statistics."""
