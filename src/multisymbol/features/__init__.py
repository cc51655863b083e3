"""What a model may see at the close of a bar."""
