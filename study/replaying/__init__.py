"""Recorded learning curves fed to searchers and schedulers on a simulated clock."""
