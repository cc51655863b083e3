"""The A/B comparison: arms, preregistration, fits, scores and verdict."""
