"""What a study remembers: every trial in the ledger, the folder that holds it, and MLflow as a copy of it."""
