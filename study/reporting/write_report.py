"""Write a study's report from its trials: summary.json, tables, figures and one self-contained HTML page."""

import base64
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from study.analysis import trial_tables
from study.analysis.results import Analysis, analyse
from study.records.ledger import Record
from study.reporting import page, rows
from study.reporting.drawing import plots, style
from study.reporting.figures import Drawn, draw
from study.reporting.findings import findings


@dataclass(frozen=True)
class Report:
    """What was written, and what it says."""

    summary: dict[str, Any]
    findings: list[str]
    html: Path
    figures: list[Path]


def write(folder: Path, settings: Mapping[str, Any], records: Sequence[Record]) -> Report:
    """Compute, draw and save everything below `folder`; a rerun replaces it. summary.json is written last."""
    analysis = analyse(settings, records)
    said = findings(analysis)
    _write_tables(folder / "tables", analysis)
    drawn = list(_save_figures(folder / "figures", analysis))
    html = folder / "report.html"
    _write(html, _render(analysis, said, drawn))
    _write(folder / "summary.json", json.dumps(analysis.summary, indent=2, allow_nan=False) + "\n")
    return Report(analysis.summary, said, html, [path for _, path in drawn])


def _write_tables(folder: Path, analysis: Analysis) -> None:
    frames = {
        "trials": trial_tables.trials(analysis.records),
        "epochs": trial_tables.epochs(analysis.records),
        "modalities": trial_tables.modalities(analysis.records),
        "methods": pd.DataFrame(rows.result_rows(analysis)),
        "comparisons": pd.DataFrame(rows.comparison_rows(analysis)),
        "sensitivity": pd.DataFrame(rows.sweep_rows(analysis)),
        "importance": pd.DataFrame(
            [{"method": m} | asdict(one) for m, found in analysis.importances.items() for one in found]
        ),
    }
    filled = {f"{name}.csv": frame.to_csv(index=False) for name, frame in frames.items() if len(frame)}
    _clear(folder, "*.csv", filled)
    for name, text in filled.items():
        _write(folder / name, text)


def _save_figures(folder: Path, analysis: Analysis) -> list[tuple[Drawn, Path]]:
    with style.style():
        drawn = [(one, folder / f"{one.name}.png") for one in draw(analysis)]
        _clear(folder, "*.png", [path.name for _, path in drawn])
        for one, path in drawn:
            plots.save(one.figure, path, sample=bool(analysis.summary["data"]["is_sample"]))
    return drawn


def _render(analysis: Analysis, said: Sequence[str], drawn: Sequence[tuple[Drawn, Path]]) -> str:
    loader = PackageLoader("study.reporting", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    figures: dict[str, list[dict[str, Any]]] = {}
    for one, path in drawn:
        image = base64.b64encode(path.read_bytes()).decode()
        shown = {"name": one.name, "caption": one.caption, "image": image, "width": one.width}
        figures.setdefault(one.section, []).append(shown)
    shown = page.page(analysis)
    return environment.get_template("report.html").render(page=shown, findings=said, figures=figures)


def _clear(folder: Path, pattern: str, kept: Sequence[str] | Mapping[str, Any]) -> None:
    """Remove what only an earlier report wrote: an old figure must not pass for a new one."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(pattern):
        if path.name not in kept:
            path.unlink()


def _write(path: Path, text: str) -> None:
    """Replace a file in one step, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
