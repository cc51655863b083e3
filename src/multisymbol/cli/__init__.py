"""The command line: one thin module a command; the only place that sees a whole configuration."""
