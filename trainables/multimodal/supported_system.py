"""Which systems the commands run on; imports nothing that one of them lacks."""

import sys
from typing import Final

SENTENCE: Final = "Linux is supported; on Windows use WSL 2"
BAD_SYSTEM: Final = 2
"""Exit code, the same as for bad input."""


def require_supported_system() -> None:
    """End a command on Windows with one sentence and exit code 2.

    A command calls this before its other imports, because some of them may fail there with a traceback. What
    is only imported, such as `load_model`, is left alone.
    """
    if sys.platform == "win32":
        sys.stderr.write(f"{SENTENCE}.\n")
        raise SystemExit(BAD_SYSTEM)
