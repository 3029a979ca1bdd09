"""The generated sample: a small data set in CREMA-D's own raw layout."""
