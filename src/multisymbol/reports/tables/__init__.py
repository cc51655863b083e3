"""Tables for the terminal, CSV and Markdown."""
