"""Write a study's report from its trials: summary.json, tables, figures and one self-contained HTML page."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.analysis.results import Results, analyse
from study.records.trial_record import Record
from study.reporting import interactive, report_files
from study.reporting.drawing import style
from study.reporting.page import EmbeddedFigure, PageSection, render
from study.reporting.section import Section
from study.reporting.sections.boosting import Boosting
from study.reporting.sections.caveats import Caveats
from study.reporting.sections.ceilings import Ceilings
from study.reporting.sections.controls import Controls
from study.reporting.sections.early_stopping import EarlyStoppingCost
from study.reporting.sections.modalities import Modalities
from study.reporting.sections.paper_tables import PaperTables
from study.reporting.sections.power import Power
from study.reporting.sections.published import Published
from study.reporting.sections.published_values import PublishedValues
from study.reporting.sections.regression import RegressionScores
from study.reporting.sections.relearning import Relearning
from study.reporting.sections.results import MethodResults
from study.reporting.sections.search import Search
from study.reporting.sections.sensitivity import Sensitivity
from study.reporting.sections.training import Training
from study.reporting.sections.trials import Trials
from study.reporting.sections.tuning import TuningCurves
from study.settings import StudySettings
from trainables.multimodal.whole_files import write_text

SECTIONS: Sequence[Section] = (
    Caveats(),
    MethodResults(),
    Ceilings(),
    TuningCurves(),
    Power(),
    RegressionScores(),
    Controls(),
    PublishedValues(),
    Published(),
    Modalities(),
    Training(),
    Relearning(),
    Boosting(),
    Sensitivity(),
    Search(),
    EarlyStoppingCost(),
    Trials(),
    PaperTables(),
)
"""In the order of the page and of the findings."""


@dataclass(frozen=True)
class Report:
    """What was written, and what it says."""

    summary: dict[str, Any]
    findings: list[str]
    html: Path
    figures: list[Path]


def write(folder: Path, settings: StudySettings, records: Sequence[Record]) -> Report:
    """Compute, draw and save everything below `folder`; a rerun replaces it. summary.json is written last."""
    results = analyse(settings, records)
    findings = [sentence for section in SECTIONS for sentence in section.findings(results)]
    _write_tables(folder / "tables", results)
    shown = _shown(folder / "figures", results)
    html = folder / "report.html"
    write_text(html, render(results, findings, shown))
    write_text(folder / interactive.FILE, interactive.render(results))
    write_text(folder / "summary.json", json.dumps(results.summary, indent=2, allow_nan=False) + "\n")
    figures = [picture.path for section in shown for picture in section.pictures]
    return Report(results.summary, findings, html, figures)


def _write_tables(folder: Path, results: Results) -> None:
    frames = {name: frame for section in SECTIONS for name, frame in section.csv(results).items()}
    papers = {name: table for section in SECTIONS for name, table in section.papers(results).items()}
    report_files.write_tables(folder, frames, papers)


def _shown(folder: Path, results: Results) -> list[PageSection]:
    """Draw and save the figures of all sections, and collect what the page shows."""
    with style.style():
        drawn = [list(section.figures(results)) for section in SECTIONS]
        names = [f"{drawing.name}.png" for figures in drawn for drawing in figures]
        report_files.keep_only(folder, names)
        pictures = [
            [EmbeddedFigure(drawing, folder / f"{drawing.name}.png") for drawing in figures]
            for figures in drawn
        ]
        for picture in (picture for each in pictures for picture in each):
            style.save(picture.drawn.figure, picture.path, sample=results.settings.data.is_sample)
    return [
        PageSection(section.name, section.title, each, [t for t in section.tables(results) if t.rows])
        for section, each in zip(SECTIONS, pictures, strict=True)
    ]
