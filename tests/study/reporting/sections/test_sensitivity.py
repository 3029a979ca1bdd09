import re

import pytest
from matplotlib.figure import Figure
from report_reading import drawn, said, sentence, tables

from study.analysis.results import analyse
from study.analysis.statistics import mean_interval
from study.analysis.sweeps import Sweep, SweptValue
from study.methods import STUDY_METHODS
from study.reporting.drawing import files, style
from study.reporting.sections import sensitivity
from study.reporting.sections.sensitivity import Sensitivity


def value(of: object, *accuracies: float) -> SweptValue:
    return SweptValue(of, mean_interval(accuracies), dict(enumerate(accuracies)), ())


@pytest.fixture
def figure(settings):
    """Draws a sweep of values, by default of lambda."""

    def draw(values: list[SweptValue], chosen=None, method="diagnose_relearn", key="lam") -> Figure:
        return sensitivity._figure(analyse(settings(), []), Sweep(method, key, chosen, values))

    return draw


def test_a_wide_range_of_positive_values_is_drawn_on_a_logarithmic_axis(figure) -> None:
    (axes,) = figure([value(of, 0.5, 0.6) for of in (1e-4, 1e-3, 1e-2)]).axes
    assert axes.get_xscale() == "log"


def test_a_narrow_range_is_drawn_to_scale(figure) -> None:
    (axes,) = figure([value(of, 0.5, 0.6) for of in (0.0, 1.0, 3.0)]).axes
    assert list(axes.get_xticks()) == [0.0, 1.0, 3.0]


def test_words_are_drawn_evenly_spaced(figure) -> None:
    (axes,) = figure([value(of, 0.5, 0.6) for of in ("constant", "step")]).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["constant", "step"]


def test_intervals_wider_than_all_accuracies_stay_on_the_page(figure) -> None:
    (axes,) = figure([value(1.0, 0.001, 0.5, 0.999)]).axes
    low, high = axes.get_ylim()
    assert 0.0 <= low < 0.01
    assert 0.99 < high <= 1.0


def test_only_the_incumbent_is_ringed(figure) -> None:
    (axes,) = figure([value(1.0, 0.5, 0.6), value(2.0, 0.5, 0.6)], chosen=2.0).axes
    rings = [line for line in axes.lines if line.get_markeredgecolor() == style.ACCENT]
    assert [line.get_xdata()[0] for line in rings] == [2.0]


KEYS = [
    (name, key)
    for name in ("boosting", "dr_boosting", "ogm_ge")
    for key, (_, meaning) in STUDY_METHODS[name].search.notation.items()
    if meaning
]


@pytest.mark.parametrize(("method", "key"), KEYS)
def test_no_text_is_cut_off(figure, method, key) -> None:
    with style.style():
        one = figure([value(of, 0.5, 0.6) for of in (0.0, 1.0, 3.0)], 1.0, method, key)
        files.arrange(one, sample=True)
        one.draw_without_rendering()
    frame = one.bbox
    for text in one.findobj(lambda artist: hasattr(artist, "get_text") and artist.get_text()):
        box = text.get_window_extent()
        assert frame.x0 - 1 <= box.x0
        assert box.x1 <= frame.x1 + 1


def test_a_boosting_study_has_a_figure_for_every_sweep(boosted) -> None:
    asked = {f"sensitivity_{m}_{key}" for m, swept in boosted[0].sweeps.items() for key in swept}
    assert asked == drawn(Sensitivity(), *boosted).keys()


def test_relearning_switched_off_is_explained_only_where_it_was_swept(boosted) -> None:
    figures = drawn(Sensitivity(), *boosted)
    assert "At λ = 0 the method is boosting" in figures["sensitivity_dr_boosting_lam"].caption
    assert "= 0 the method" not in figures["sensitivity_boosting_smoothing"].caption


def test_sweeps_of_a_method_that_show_nothing_share_a_sentence(boosted) -> None:
    line = sentence(said(*boosted), "Boosting: no swept value")
    notation = STUDY_METHODS["boosting"].search.notation
    symbols = [notation[key][0] for key in boosted[0].sweeps["boosting"]]
    assert all(symbol in line for symbol in symbols)
    assert line.endswith("is distinguishable from the incumbent's.")


def test_two_seeds_are_no_test_of_a_swept_value(whole, settings) -> None:
    records = [r for r in whole().records if r.stage != "sensitivity" or r.seed < 2002]
    line = sentence(said(settings(), records), "no swept value")
    assert line.endswith("can be tested with these seeds: they are too few, or without spread.")


def test_values_that_stand_out_are_told_with_their_difference(whole, settings) -> None:
    study = whole()
    for record in study.records:
        if record.stage == "sensitivity" and record.config["lam"] == 10.0:
            record.epochs[max(record.epochs)]["best/accuracy"] -= 0.3
    line = sentence(said(settings(), study.records), "distinguishable from the incumbent's λ = 3")
    assert re.search(r": λ = 10 \(-3\d\.\d points, adjusted p [<=] 0\.\d+\) is distinguishable", line)


def test_a_sweep_without_the_incumbents_own_value_says_so(whole, settings) -> None:
    records = [r for r in whole().records if r.stage != "sensitivity" or r.config["lam"] != 3.0]
    asked = settings(sensitivity={"diagnose_relearn": {"lam": [0.0, 1.0, 10.0]}})
    assert "the incumbent's λ was not swept, so no value can be tested" in said(asked, records)


def test_a_sweep_that_gave_no_number_says_so(whole, settings) -> None:
    study = whole()
    records = [r for r in study.records if r.stage != "sensitivity"]
    for lam in (0.0, 10.0):
        config = {**study.first("diagnose_relearn"), "lam": lam}
        records.append(study.add("sensitivity", "diagnose_relearn", 0.1, config=config, status="diverged"))
    assert "no run of the sweep of λ gave a number" in said(settings(), records)


def test_switching_a_part_off_is_compared_on_the_same_seeds(whole, settings) -> None:
    line = sentence(said(settings(), whole().records), "λ = 0 is joint training with its other settings")
    assert re.search(r"-\d\.\d points \(95 % interval .*\) against λ = 3 on the same 3 seeds\.", line)
    assert line.endswith("So λ > 0 is shown neither to help nor to harm here.")


def test_a_part_without_which_every_run_is_the_same_has_changed_nothing(whole, settings) -> None:
    study = whole()
    swept = [record for record in study.records if record.stage == "sensitivity"]
    reached = {r.seed: r.epochs[max(r.epochs)]["best/accuracy"] for r in swept if r.config["lam"] == 3.0}
    for record in swept:
        record.epochs[max(record.epochs)]["best/accuracy"] = reached[record.seed]
    line = sentence(said(settings(), study.records), "λ = 0 is joint training with its other settings")
    assert ": 0.0 points against λ = 3 on the same 3 seeds." in line
    assert line.endswith("So λ > 0 has changed nothing here.")


def test_only_a_part_that_has_one_is_said_to_be_switched_off_at_zero(boosted) -> None:
    lines = [line for line in said(*boosted).split("\n") if "= 0 is" in line]
    assert len(lines) == 1
    assert "λ = 0 is boosting with its other settings" in lines[0]


def test_seeds_that_a_mean_leaves_out_stand_beside_it(whole, settings) -> None:
    study = whole(seeds=2)
    config = {**study.first("diagnose_relearn"), "lam": 10.0}
    study.add("sensitivity", "diagnose_relearn", 0.1, config=config, seed=2009, status="diverged")
    rows = tables(Sensitivity(), settings(), study.records)[0].rows
    assert rows[-1][-1] == "seed 2009 diverged or failed"
    assert "incumbent" in [row[-1] for row in rows]
