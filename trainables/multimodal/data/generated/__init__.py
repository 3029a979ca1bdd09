"""Data sets drawn from known densities: Bayes' rule says what any method can reach on them."""
