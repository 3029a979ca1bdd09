"""What a study remembers: the ledger, its folder, and MLflow as a copy of it."""
