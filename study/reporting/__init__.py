"""From numbers to a page: sections, figures, wording."""

import os
import tempfile

if "MPLCONFIGDIR" not in os.environ:
    # Else matplotlib keeps its list of fonts in the user's home, or warns of one that cannot be written.
    _FONTS = tempfile.TemporaryDirectory(prefix="matplotlib-")
    os.environ["MPLCONFIGDIR"] = _FONTS.name
