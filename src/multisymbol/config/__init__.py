"""The configuration: checked before anything is loaded, built under one trust rule, traced to its files."""
