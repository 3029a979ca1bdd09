"""One file a question of the report: its tables, figures, captions and sentences."""
