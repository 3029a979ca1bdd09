"""The files beside a page; a rerun removes those that only an earlier report wrote."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

import pandas as pd

from study.reporting.drawing import files, style
from study.reporting.page import Picture
from study.reporting.section import Drawn, Table
from study.reporting.table_files import latex, markdown
from trainables.multimodal.whole_files import write_text

WRITTEN = (".csv", ".tex", ".md", ".png", ".svg", ".pdf")
"""Endings of what a report writes; other files are somebody's own."""


def write_tables(folder: Path, frames: Mapping[str, pd.DataFrame], papers: Mapping[str, Table]) -> list[str]:
    """Write <name>.csv of every frame, <name>.tex and <name>.md of every table with rows; their names."""
    texts = {f"{name}.csv": frame.to_csv(index=False) for name, frame in frames.items() if len(frame)}
    for name, table in papers.items():
        if table.rows:
            texts |= {f"{name}.tex": latex(table, name), f"{name}.md": markdown(table)}
    keep_only(folder, texts)
    for name, text in texts.items():
        write_text(folder / name, text)
    return list(texts)


def pictures(make: Callable[[], Iterable[Drawn]], *, sample: bool) -> list[Picture]:
    """The figures that `make` draws, laid out for two widths of the page."""
    (drawn, wide), (_, narrow) = (_drawn(make, width, sample) for width in (style.PAGE, style.NARROW))
    return [Picture(*each) for each in zip(drawn, wide, narrow, strict=True)]


def _drawn(make: Callable[[], Iterable[Drawn]], width: float, sample: bool) -> tuple[list[Drawn], list[str]]:
    """Figures on a page of this width, and each as a picture for the page."""
    with style.style(width):
        drawn = list(make())
        for one in drawn:
            files.arrange(one.figure, sample=sample)
        return drawn, [files.picture(one.figure) for one in drawn]


def write_figures(folder: Path, drawn: Collection[Drawn]) -> None:
    """Write <name>.png, .svg and .pdf of every figure, as it is laid out."""
    keep_only(folder, [f"{one.name}.{kind}" for one in drawn for kind in files.FORMATS])
    with style.style():
        for one in drawn:
            files.save(one.figure, folder / one.name)


def keep_only(folder: Path, names: Collection[str]) -> None:
    """Remove what only an earlier report wrote: an old figure must not pass for a new one."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.suffix in WRITTEN and path.name not in names:
            path.unlink()
