"""The files beside a page; a rerun removes those that only an earlier report wrote."""

from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from study.reporting.section import Table
from study.reporting.table_files import latex, markdown
from trainables.multimodal.whole_files import write_text

WRITTEN = (".csv", ".tex", ".md", ".png")
"""Endings of what a report writes; other files are somebody's own."""


def write_tables(folder: Path, frames: Mapping[str, pd.DataFrame], papers: Mapping[str, Table]) -> None:
    """Write <name>.csv of every frame, <name>.tex and <name>.md of every table that has rows."""
    files = {f"{name}.csv": frame.to_csv(index=False) for name, frame in frames.items() if len(frame)}
    for name, table in papers.items():
        if table.rows:
            files |= {f"{name}.tex": latex(table, name), f"{name}.md": markdown(table)}
    keep_only(folder, files)
    for name, text in files.items():
        write_text(folder / name, text)


def keep_only(folder: Path, names: Collection[str]) -> None:
    """Remove what only an earlier report wrote: an old figure must not pass for a new one."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.suffix in WRITTEN and path.name not in names:
            path.unlink()
