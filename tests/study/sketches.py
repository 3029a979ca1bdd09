"""Reports whose figures are only sketched: arranging and saving them takes most of a report's time."""

import operator
from collections.abc import Callable
from typing import Any

from study.reporting.drawing import files, style


def sketch(
    set_item: Callable[..., Any] = operator.setitem, set_attribute: Callable[..., Any] = setattr
) -> None:
    """Draw figures without arranging them, and save them in one form."""
    set_item(style.RC, "figure.constrained_layout.use", False)
    set_attribute(files, "FORMATS", ("png",))
    set_attribute(files, "picture", lambda figure: "<svg/>")
