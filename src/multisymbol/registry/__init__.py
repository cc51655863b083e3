"""What has been learned, and which of it to use."""
