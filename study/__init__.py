"""The study: search, confirm, sensitivity, report."""
