"""Data: feature stores, split policies, recipes, and one adapter per data set."""
