"""What is possible stands beside what was reached, where it is known."""

from report_reading import drawn, findings, tables, texts

from study.reporting.sections.ceilings import POSSIBLE, Ceilings
from study.reporting.sections.modalities import Modalities

WORTH = {"audio": 0.75, "visual": 0.5, "together": 0.9}


def test_recorded_data_have_no_ceiling(module_study) -> None:
    assert tables(Ceilings(), *module_study) == []


def test_each_estimate_stands_below_its_ceiling(whole, settings) -> None:
    (table,) = tables(Ceilings(), settings(data={"ceilings": WORTH}), whole().records)
    assert table.heads[1:] == ["Audio alone", "Visual alone", "All together", "Left to gain, points"]
    assert table.rows[0][:4] == [POSSIBLE, "75.0", "50.0", "90.0"]
    methods = table.rows[1:]
    assert {row[0] for row in methods} == {"Joint training", "Diagnose & Re-learn"}
    for row in methods:
        assert float(row[4]) == round(90 - float(row[3].split("\n")[0]), 1)


def test_the_worth_of_the_data_is_told_in_a_sentence(whole, settings) -> None:
    told = findings(settings(data={"ceilings": WORTH}), whole().records)
    assert (
        "By construction of the data 90.0 % are possible, 75.0 % with audio alone and "
        "50.0 % with visual alone."
    ) in told


def test_ceilings_of_all_modalities_are_not_shown_for_some(whole, settings) -> None:
    asked = settings(data={"ceilings": WORTH}, base={"modalities": ["audio"]})
    assert tables(Ceilings(), asked, whole(("audio",)).records) == []


def test_the_figure_of_modalities_shows_what_is_possible(whole, settings) -> None:
    figure = drawn(Modalities(), settings(data={"ceilings": WORTH}), whole().records)["modalities"]
    lines = {line.get_xdata()[0] for line in figure.figure.axes[0].lines if line.get_linestyle() == "--"}
    assert {*WORTH.values()} <= lines
    assert "possible, by construction" in [text.get_text() for text in texts(figure)]
