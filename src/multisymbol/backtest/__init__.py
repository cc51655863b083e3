"""From probabilities to money: decisions, fills, costs, accounts, portfolios."""
