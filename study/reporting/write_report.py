"""Write a study's report from its trials: summary.json, tables, figures and one self-contained HTML page."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from study.analysis.embedding import embeddings, published
from study.analysis.results import Results, analyse
from study.records.study_folder import BEST
from study.records.trial_record import Record
from study.reporting import interactive, report_files
from study.reporting.page import PageSection, render
from study.reporting.section import Card, Section, a_few
from study.reporting.sections.boosting import Boosting
from study.reporting.sections.caveats import Caveats
from study.reporting.sections.ceilings import Ceilings
from study.reporting.sections.contributions import Contributions
from study.reporting.sections.controls import Controls
from study.reporting.sections.early_stopping import EarlyStoppingCost
from study.reporting.sections.feature_maps import FeatureMaps
from study.reporting.sections.modalities import Modalities
from study.reporting.sections.paper_tables import PaperTables
from study.reporting.sections.power import Power
from study.reporting.sections.published import Published
from study.reporting.sections.published_values import PublishedValues
from study.reporting.sections.recipes import PaperRecipes
from study.reporting.sections.regression import RegressionScores
from study.reporting.sections.relearning import Relearning
from study.reporting.sections.results import MethodResults
from study.reporting.sections.robustness import Robustness
from study.reporting.sections.search import Search
from study.reporting.sections.sensitivity import Sensitivity
from study.reporting.sections.surface import SearchedSurface
from study.reporting.sections.training import Training
from study.reporting.sections.trials import Trials
from study.reporting.sections.tuning import TuningCurves
from study.reporting.sections.verdict import Verdict
from study.settings import StudySettings
from trainables.multimodal.whole_files import write_text

OPENING: Section = Verdict()
"""The first screen of the page."""
SECTIONS: Sequence[Section] = (
    Caveats(),
    MethodResults(),
    PaperRecipes(),
    Ceilings(),
    TuningCurves(),
    Power(),
    RegressionScores(),
    Controls(),
    PublishedValues(),
    Published(),
    Modalities(),
    Contributions(),
    Robustness(),
    FeatureMaps(),
    Training(),
    Relearning(),
    Boosting(),
    Sensitivity(),
    SearchedSurface(),
    Search(),
    EarlyStoppingCost(),
    Trials(),
    PaperTables(),
)
"""In the order of the page, of the cards and of the findings."""


@dataclass(frozen=True)
class Report:
    """What was written, and what it says."""

    summary: dict[str, Any]
    findings: list[str]
    html: Path
    figures: list[Path]


def write(folder: Path, settings: StudySettings, records: Sequence[Record]) -> Report:
    """Compute, draw and save everything below `folder`; a rerun replaces it. summary.json is written last."""
    results = _with_features(folder / BEST, analyse(settings, records))
    tables = _write_tables(folder / "tables", results)
    opening, *shown = _shown(folder / "figures", results)
    html = folder / "report.html"
    write_text(html, render(results, opening, cards(results), shown, tables))
    write_text(folder / interactive.FILE, interactive.render(results))
    write_text(folder / "summary.json", json.dumps(results.summary, indent=2, allow_nan=False) + "\n")
    drawn = [picture.drawn.name for section in (opening, *shown) for picture in section.pictures]
    figures = [folder / "figures" / f"{name}.png" for name in drawn]
    return Report(results.summary, sentences(results), html, figures)


def _with_features(best: Path, results: Results) -> Results:
    """The same with the features of a few methods whose weights were published."""
    known = set(published(best))
    shown = a_few(results, [m for m in results.ranked(results.protocols[0]) if m in known])
    return replace(results, embeddings=embeddings(best, shown))


def cards(results: Results) -> list[Card]:
    """What limits the numbers; last what the verdicts leave open."""
    return [card for section in (*SECTIONS, OPENING) for card in section.cards(results)]


def sentences(results: Results) -> list[str]:
    """All that is said, for the terminal: what limits the numbers, the verdicts, then the rest."""
    said = [sentence for section in _sections() for sentence in section.findings(results)]
    return [*(card.sentence for card in cards(results)), *said]


def _sections() -> Sequence[Section]:
    return (OPENING, *SECTIONS)


def _write_tables(folder: Path, results: Results) -> list[str]:
    """The names of the files."""
    frames = {name: frame for section in _sections() for name, frame in section.csv(results).items()}
    papers = {name: table for section in _sections() for name, table in section.papers(results).items()}
    return report_files.write_tables(folder, frames, papers)


def _shown(folder: Path, results: Results) -> list[PageSection]:
    """Draw and save the figures of all sections, and collect what the page shows."""
    sample = results.settings.data.is_sample
    figures = [partial(section.figures, results) for section in _sections()]
    pictures = [report_files.pictures(make, sample=sample) for make in figures]
    report_files.write_figures(folder, [picture.drawn for each in pictures for picture in each])
    return [
        PageSection(
            section.name,
            section.title,
            list(section.findings(results)),
            each,
            [table for table in section.tables(results) if table.rows],
        )
        for section, each in zip(_sections(), pictures, strict=True)
    ]
