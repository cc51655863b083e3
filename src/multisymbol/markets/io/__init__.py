"""Bars in and out of files: formats, vendors, and what can be wrong with a file."""
