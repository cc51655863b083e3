"""The networks: plain `torch.nn`, no Lightning."""
