"""From numbers to a page: sections, figures, wording."""
