"""From probabilities to money: rules, fills, costs, accounts, measures, portfolios."""
