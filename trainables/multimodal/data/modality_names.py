"""What a modality may be called: it names methods, settings, files, metrics and modules too."""

import re
import reprlib
from typing import Final

from torch import nn

from trainables.multimodal.errors import InputError

WORD: Final = re.compile(r"[\w-]{1,64}")
OF_MODULES: Final = frozenset(dir(nn.ModuleDict()))
"""Names that a container of modules has itself: none of its modules can be called so."""
OF_SETTINGS: Final = frozenset({"decay"})
"""`weight_<modality>` is a setting of each modality, and `weight_decay` one of training."""
OF_METRICS: Final = "without_"
"""`test/without_<modality>/accuracy` is a metric: a modality may not begin so."""


def require_modality_name(name: str) -> None:
    """Raise InputError where something else in training is called so, or no method or file can be."""
    if not WORD.fullmatch(name):
        raise InputError(
            f"modality {reprlib.repr(name)} is no word of at most 64 letters, digits, _ and -: rename it"
        )
    if name in OF_MODULES | OF_SETTINGS or name.startswith(OF_METRICS):
        raise InputError(
            f"a modality cannot be called {name!r}, since training calls something else so: rename it"
        )
