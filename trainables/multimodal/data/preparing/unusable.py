"""Samples that cannot be used: told on one screen, all of them in a file, and with what leaves them out."""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from trainables.multimodal.data.limits import MOST_SHOWN_CHARACTERS
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import rows_by_part
from trainables.multimodal.errors import InputError
from trainables.multimodal.whole_files import write_text

NAMED: Final = 20
"""Samples that are named; a file has all of them."""
COUNTED: Final = 6
"""Reasons that are counted one by one."""
PLACE: Final = re.compile(r"(?<![^\s'\"(])[^\s'\"(/]*/[^\s'\"]*?(\.\w+)?(?=[\s'\"),;:]|$)")
NUMBER: Final = re.compile(r"\d[\d.]*")
"""What differs between reasons of one kind: names of files, and numbers."""


class UnusableSamples(InputError):  # noqa: N818  (what is wrong with the data)
    """More samples cannot be used than may be left out."""

    def __init__(self, message: str, enough: float | None) -> None:
        super().__init__(message)
        self.enough = enough
        """The share for --skip-up-to that leaves them out; none where too little would be left."""


def require_few(source: Source, problems: Mapping[int, str], skip_up_to: float, out: Path) -> None:
    """Raise UnusableSamples, after all of them are written to `names_file(out)`, for more than that share.

    `problems` is row -> reason. Raises InputError where the share is not exceeded, but the other samples do
    not fill every part of the default split.
    """
    if len(problems) / len(source.ids) <= skip_up_to:
        return require_split_without(source, problems)
    file = names_file(out)
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{source.ids[row]}\t{_one_line(reason)}\n" for row, reason in problems.items()]
    write_text(file, "".join(lines), durable=False)
    raise refusal(source, problems, f"all of them are named in {file}")


def names_file(out: Path) -> Path:
    """Where the unusable samples of a refused store at `out` are named, each beside its reason."""
    return out.with_name(f"{out.name}.unusable.txt")


def refusal(source: Source, problems: Mapping[int, str], *facts: str) -> UnusableSamples:
    """The error that tells what is wrong with a source's samples, and how to leave them out."""
    samples = len(source.ids)
    enough: float | None = math.ceil(1000 * len(problems) / samples) / 1000
    try:
        require_split_without(source, problems)
        advice = f"repair them, or leave them out with --skip-up-to {enough:g}"
    except InputError as error:
        enough, advice = None, f"repair them: without them nothing can be studied ({error})"
    reasons = {source.ids[row]: reason for row, reason in problems.items()}
    head = f"{len(problems):,} of {samples:,} samples cannot be used:"
    return UnusableSamples("\n".join([head, *told(reasons), *facts, advice]), enough)


def told(reasons: Mapping[str, str]) -> list[str]:
    """How often each kind of reason occurs, and the first ids with theirs: at most a screen of lines."""
    kinds = Counter(
        NUMBER.sub("...", PLACE.sub(r"*\1", _one_line(reason))) for reason in reasons.values()
    ).most_common()
    counted = [f"{count:,} x {_short(kind)}" for kind, count in kinds[:COUNTED]]
    if rest := sum(count for _, count in kinds[COUNTED:]):
        counted.append(f"{rest:,} x something else")
    named = [f"{sample}: {_short(_one_line(reason))}" for sample, reason in list(reasons.items())[:NAMED]]
    more = [f"and {len(reasons) - NAMED:,} more"] if len(reasons) > NAMED else []
    return [f"  {line}" for line in [*counted, *named, *more]]


def require_split_without(source: Source, rows: Collection[int]) -> None:
    """Raise InputError where a part of the default split lacks samples, or a class, without these rows."""
    kept = [row for row in range(len(source.ids)) if row not in rows]
    policy = source.default_split
    parts = [source.splits[policy][row] for row in kept]
    rows_by_part(policy, parts, source.labels[kept], source.classes)


def _one_line(reason: str) -> str:
    return " ".join(reason.split())


def _short(text: str) -> str:
    return text if len(text) <= MOST_SHOWN_CHARACTERS else f"{text[: MOST_SHOWN_CHARACTERS - 3]}..."
