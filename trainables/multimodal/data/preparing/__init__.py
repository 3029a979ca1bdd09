"""From raw files to a store: processes, shards, fingerprints, verification."""
