"""What is to be predicted, and when it becomes known."""
