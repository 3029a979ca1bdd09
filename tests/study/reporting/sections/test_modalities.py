import pytest
from report_reading import drawn, tables

from study.reporting.drawing import files, style
from study.reporting.sections.modalities import Modalities


def test_the_table_tells_how_far_modalities_are_apart(module_study) -> None:
    table = tables(Modalities(), *module_study)[0]
    assert table.heads == ["Method", "Audio", "Visual", "Best minus worst, points"]
    for _, audio, visual, apart in table.rows:
        audio, visual = (float(cell.split("\n")[0]) for cell in (audio, visual))
        assert float(apart) == pytest.approx(audio - visual, abs=0.11)


def test_one_modality_alone_has_no_imbalance(whole, settings) -> None:
    assert tables(Modalities(), settings(), whole(("voice",)).records) == []


def test_a_figure_of_three_modalities_is_saved(tmp_path, three_modalities) -> None:
    found = drawn(Modalities(), *three_modalities)
    with style.style():
        files.arrange(found["modalities"].figure, sample=True)
        files.save(found["modalities"].figure, tmp_path / "figure")
    assert (tmp_path / "figure.png").stat().st_size > 1000


def fitted(records, methods):
    """Records in which probes were fitted to the frozen features of these methods' confirm runs."""
    for record in records:
        if record.stage == "confirm" and record.method in methods:
            probes = {"test/audio/probe_accuracy": 0.7, "test/visual/probe_accuracy": 0.6}
            record.epochs[max(record.epochs)] |= probes
    return records


def test_fitted_probes_stand_in_place_of_those_trained_along(whole, settings) -> None:
    study = settings(), fitted(whole().records, ["joint", "diagnose_relearn"])
    table = tables(Modalities(), *study)[0]
    assert "fitted to the frozen training features" in table.title
    assert {row[1].split("\n")[0] for row in table.rows} == {"70.0"}
    assert "fitted to the frozen" in drawn(Modalities(), *study)["modalities"].caption


def test_two_kinds_of_probes_are_never_compared(whole, settings) -> None:
    (mixed, *_) = tables(Modalities(), settings(), fitted(whole().records, ["joint"]))
    (trained, *_) = tables(Modalities(), settings(), whole().records)
    assert mixed == trained
    assert "trained on detached features" in trained.title
