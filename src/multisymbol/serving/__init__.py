"""A stored model answering for raw bars, and what its answers are worth."""
