"""What a command would do, and nothing else: `dry_run=true`."""
