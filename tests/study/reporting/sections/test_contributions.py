import pytest
from report_reading import drawn, tables

from study.reporting.sections.contributions import Contributions


def number(cell: str) -> float:
    return float(cell.split("\n")[0])


def test_the_table_tells_every_contribution_and_how_far_they_lie_apart(module_study) -> None:
    (table,) = tables(Contributions(), *module_study)
    assert table.heads == ["Method", "Audio", "Visual", "Imbalance"]
    for _, audio, visual, apart in table.rows:
        assert number(apart) == pytest.approx(number(audio) - number(visual), abs=0.11)


def test_a_figure_shows_the_end_and_another_the_course(module_study) -> None:
    found = drawn(Contributions(), *module_study)
    assert list(found) == ["contributions", "contribution_epochs"]
    panels = [axes.get_title() for axes in found["contribution_epochs"].figure.axes]
    assert panels == ["audio", "visual"]
    assert "audio +" in found["contributions"].finding.replace("\N{NO-BREAK SPACE}", " ")


def test_a_contribution_below_zero_is_shown_as_it_is(whole, settings) -> None:
    records = whole().records
    for record in records:
        if record.stage == "confirm" and record.method == "joint":
            record.epochs[max(record.epochs)]["test/visual/contribution"] = -0.01 * (1 + record.seed % 2)
    (table,) = tables(Contributions(), settings(), records)
    cell = next(row[2] for row in table.rows if row[0] == "Joint training")
    assert number(cell) < 0
    assert cell.split("[")[1].startswith("-")


def test_nothing_is_said_of_runs_that_did_not_measure_it(whole, settings) -> None:
    records = whole().records
    for record in records:
        for metrics in record.epochs.values():
            for name in [name for name in metrics if "contribution" in name]:
                del metrics[name]
    assert tables(Contributions(), settings(), records) == []
    assert drawn(Contributions(), settings(), records) == {}


def test_one_modality_alone_contributes_nothing_to_tell(whole, settings) -> None:
    assert tables(Contributions(), settings(), whole(("voice",)).records) == []
