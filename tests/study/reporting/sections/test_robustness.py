import pytest
from report_reading import drawn, tables, texts

from study.reporting.sections.robustness import Robustness


def number(cell: str) -> float:
    return float(cell.split("\n")[0])


def test_accuracy_under_noise_and_without_the_modality_is_told(module_study) -> None:
    (table,) = tables(Robustness(), *module_study)
    levels = ["Noise 0.25", "Noise 0.5", "Noise 1", "Noise 2", "Noise 4"]
    assert table.heads == ["Method", "Disturbed", "As it is", *levels, "Missing"]
    joint = [row for row in table.rows if row[0] == "Joint training"]
    assert [row[1] for row in joint] == ["audio", "visual"]
    whole_accuracy, *noisy, missing = map(number, joint[0][2:])
    assert noisy == sorted(noisy, reverse=True)
    assert noisy[-1] == missing == pytest.approx(whole_accuracy / 2, abs=0.1)


def test_every_modality_has_a_panel_in_which_missing_stands_last(module_study) -> None:
    (figure,) = drawn(Robustness(), *module_study).values()
    assert [axes.get_title() for axes in figure.figure.axes] == ["audio disturbed", "visual disturbed"]
    labels = [tick.get_text() for tick in figure.figure.axes[0].get_xticklabels()]
    assert labels == ["0", "0.25", "0.5", "1", "2", "4", "missing"]


def test_runs_of_earlier_versions_tell_of_missing_modalities_alone(whole, settings) -> None:
    records = whole().records
    for record in records:
        for name in [name for name in record.epochs[max(record.epochs)] if "noise_" in name]:
            if name.startswith("test/"):
                del record.epochs[max(record.epochs)][name]
    (table,) = tables(Robustness(), settings(), records)
    assert table.heads == ["Method", "Disturbed", "As it is", "Missing"]
    assert drawn(Robustness(), settings(), records) == {}


def test_one_modality_is_made_noisy_and_never_left_out(whole, settings) -> None:
    study = settings(), whole(("voice",)).records
    (table,) = tables(Robustness(), *study)
    assert table.heads[-1] == "Noise 4"
    (figure,) = drawn(Robustness(), *study).values()
    assert "missing" not in [text.get_text() for text in texts(figure)]
