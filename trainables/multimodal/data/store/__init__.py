"""The feature store: arrays on disk that all trials map, and their manifest."""
