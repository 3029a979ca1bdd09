"""The HTML page: facts, findings, then every section with its figures and tables, in one file."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from study.analysis.results import Results
from study.reporting import wording
from study.reporting.section import Drawn, Table
from study.settings import StudySettings


@dataclass(frozen=True)
class EmbeddedFigure:
    """A saved figure."""

    drawn: Drawn
    path: Path

    @property
    def base64(self) -> str:
        """Its file as text, to stand inside the page."""
        return base64.b64encode(self.path.read_bytes()).decode()


@dataclass(frozen=True)
class PageSection:
    """What a section shows on the page."""

    name: str
    title: str
    pictures: Sequence[EmbeddedFigure]
    tables: Sequence[Table]


def render(results: Results, findings: Sequence[str], sections: Sequence[PageSection]) -> str:
    """The page; sections without a picture or a row are left out. Names from outside are escaped."""
    loader = PackageLoader("study.reporting", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("report.html").render(
        study=results.settings.study,
        complete=results.summary["complete"],
        is_sample=results.settings.data.is_sample,
        facts=_facts(results.settings),
        findings=findings,
        sections=[section for section in sections if section.pictures or section.tables],
        mlflow={name: value for name, value in results.summary["mlflow"].items() if value},
    )


def _facts(settings: StudySettings) -> list[tuple[str, str]]:
    data, protocol = settings.data, settings.protocol
    modalities = [" ".join(filter(None, [name, _shape(shape)])) for name, shape in data.modalities.items()]
    facts = {
        "Data": data.name,
        "Samples": str(data.samples or ""),
        "Classes": wording.listing([str(name) for name in data.classes]),
        "Modalities": wording.listing(modalities),
        "Digest": data.digest[:16],
        "Task": protocol.task,
        "Protocol": protocol.name,
    }
    return [(name, value) for name, value in facts.items() if value]


def _shape(shape: Sequence[int]) -> str:
    return "\N{MULTIPLICATION SIGN}".join(str(size) for size in shape)
