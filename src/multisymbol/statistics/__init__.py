"""Forecast comparison for dependent panels: loss differentials, tests, intervals and verdicts."""
