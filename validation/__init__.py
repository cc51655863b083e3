"""Markets with known answers, test-size simulations and surveys; drives the package, is not part of it."""
