"""Write several studies on one page: tables, figures, and one self-contained HTML page."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from study.analysis.several_studies import SeveralStudies
from study.reporting import report_files, several_figures, several_tables
from study.reporting.drawing import files
from study.reporting.page import Picture
from study.reporting.section import Table
from trainables.multimodal.whole_files import write_text


@dataclass(frozen=True)
class SeveralReport:
    """What was written, and what it says."""

    findings: list[str]
    html: Path


def write(folder: Path, several: SeveralStudies) -> SeveralReport:
    """Draw and save everything below `folder`; a rerun replaces it."""
    tables, findings = _tables(several), list(several_tables.findings(several))
    report_files.write_tables(folder / "tables", {"methods": several_tables.frame(several)}, tables)
    pictures = _pictures(folder / "figures", several)
    html = folder / "report.html"
    write_text(html, _page(several, findings, pictures, tables))
    return SeveralReport(findings, html)


def _tables(several: SeveralStudies) -> dict[str, Table]:
    """The tables for papers by the names of their files."""
    tables = {}
    for protocol in several.protocols:
        tables[f"scores_{protocol}"] = several_tables.scores(several, protocol)
        tables[f"differences_{protocol}"] = several_tables.differences(several, protocol)
    return tables


def _pictures(folder: Path, several: SeveralStudies) -> list[Picture]:
    """Draw and save all figures; those with generated data say so."""
    sample = bool(several_tables.samples(several))
    pictures = report_files.pictures(lambda: several_figures.figures(several), sample=sample)
    report_files.write_figures(folder, [picture.drawn for picture in pictures])
    return pictures


def _page(
    several: SeveralStudies,
    findings: list[str],
    pictures: list[Picture],
    tables: Mapping[str, Table],
) -> str:
    loader = PackageLoader("study.reporting", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("several.html").render(
        studies=list(several.results),
        quoted=shlex.join(several.results),
        samples=several_tables.samples(several),
        unfinished=several_tables.unfinished(several),
        findings=findings,
        pictures=pictures,
        tables={name: table for name, table in tables.items() if table.rows},
        basis=several_tables.basis(several),
        formats=files.FORMATS,
    )
