"""Reading of tables that others made: text, npz, Parquet, pickles."""
