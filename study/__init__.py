"""The study: search, finalists, confirm, sensitivity, surface, report."""

from typing import Final

__version__: Final = "0.2.0"
"""Written here and not read from the installed metadata: a clone that is only on the path has none, and an
editable installation keeps those of the day it was made."""
