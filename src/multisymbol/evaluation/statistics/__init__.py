"""Two arms compared: paired losses, tests with known sizes, intervals, bands without signal, verdicts."""
