"""The HTML page: the answer, what limits it, then every section with its figures and tables, in one file."""

import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from study.analysis.results import Results
from study.reporting import wording
from study.reporting.drawing import files
from study.reporting.section import Card, Drawn, Table
from study.reporting.verdicts import answer, question

COMMAND = "command"


@dataclass(frozen=True)
class Picture:
    """A figure for wide screens and print, and the same figure laid out for narrow screens, both as SVG."""

    drawn: Drawn
    wide: str
    narrow: str

    @property
    def sources(self) -> Mapping[str, str]:
        """Both as addresses that hold the whole picture."""
        return {
            name: f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
            for name, svg in (("wide", self.wide), ("narrow", self.narrow))
        }


@dataclass(frozen=True)
class PageSection:
    """What a section shows on the page."""

    name: str
    title: str
    findings: Sequence[str]
    pictures: Sequence[Picture]
    tables: Sequence[Table]


def render(
    results: Results,
    opening: PageSection,
    cards: Sequence[Card],
    sections: Sequence[PageSection],
    tables: Sequence[str],
) -> str:
    """The page; sections without a picture or a row are left out. Names from outside are escaped.

    Args:
        results: What is reported.
        opening: The first screen.
        cards: What limits it.
        sections: All others.
        tables: Names of the files below tables/.

    """
    loader = PackageLoader("study.reporting", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["capitalised"] = wording.capitalised
    return environment.get_template("report.html").render(
        study=results.settings.study,
        quoted=shlex.quote(results.settings.study),
        is_sample=results.settings.data.is_sample,
        facts=_facts(results),
        question=question(results),
        answer=answer(results),
        opening=opening,
        cards=cards,
        sections=[section for section in sections if section.pictures or section.tables],
        tables=tables,
        formats=files.FORMATS,
        command=results.settings.made_with.get(COMMAND, ""),
        mlflow={name: value for name, value in results.summary["mlflow"].items() if value},
    )


def _facts(results: Results) -> list[tuple[str, str]]:
    settings = results.settings
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
        "Trials": _dates(results),
        "Device": _device(results),
        "Versions": wording.readings({n: v for n, v in settings.made_with.items() if n != COMMAND}),
    }
    return [(name, value) for name, value in facts.items() if value]


def _dates(results: Results) -> str:
    """How many trials there are, and the days of the first and the last."""
    records = results.chosen.records
    times = [time for record in records for time in (record.started, record.ended) if time]
    if not times:
        return str(len(records))
    days = dict.fromkeys(f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}" for time in (min(times), max(times)))
    return f"{len(records)}, {' to '.join(days)} (UTC)"


def _device(results: Results) -> str:
    """What trials ran on, and on which type of machine; nothing of either that older ledgers do not know."""
    numerics = results.settings.numerics
    if numerics is None:
        return ""
    types = {machine for record in results.chosen.records for machine in record.machines}
    named = types if len(types) < 2 else {f"{len(types)} types of machines"}
    return ", ".join([numerics.device, f"{wording.count(numerics.threads, 'thread')} a trial", *named])


def _shape(shape: Sequence[int]) -> str:
    return "\N{MULTIPLICATION SIGN}".join(str(size) for size in shape)
