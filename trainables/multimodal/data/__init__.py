"""Data sets, recipes, splits and the feature store."""
