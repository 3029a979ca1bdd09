from dataclasses import replace

import pytest
from matplotlib.text import Text

from study.analysis import trial_tables
from study.analysis.results import analyse
from study.reporting.drawing import plots, style
from study.reporting.figures import FEW, Drawn, draw, few


def drawn(asked, records) -> dict[str, Drawn]:
    with style.style():
        return {one.name: one for one in draw(analyse(asked, records))}


@pytest.fixture(scope="module")
def compared(compared_methods) -> dict[str, Drawn]:
    return drawn(*compared_methods)


@pytest.fixture(scope="module")
def boosting(boosted) -> dict[str, Drawn]:
    return drawn(*boosted)


def texts(one: Drawn) -> list[Text]:
    """All texts of a figure that are seen."""
    one.figure.draw_without_rendering()
    return [text for text in one.figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def words(one: Drawn) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in texts(one)]


def test_a_comparison_of_twelve_methods_has_its_figures(compared) -> None:
    assert list(compared) == [
        "comparison_clean",
        "modalities",
        "accuracy",
        "purity_gap",
        "heads_boosting",
        "heads_dr_boosting",
        "gap_function",
        "search_history",
    ]


def test_a_boosting_study_has_a_figure_for_every_sweep(boosting, boosted) -> None:
    asked = {f"sensitivity_{m}_{key}" for m, swept in boosted[0]["sensitivity"].items() for key in swept}
    assert asked <= boosting.keys()


def test_studies_without_boosting_have_no_figures_of_heads(whole, settings) -> None:
    assert not {"heads_boosting", "gap_function"} & drawn(settings(), whole().records).keys()


def test_methods_without_a_result_have_a_row_that_says_so(compared) -> None:
    seen = words(compared["comparison_clean"])
    assert {"Late fusion", "no search trial completed", "no confirm trial completed"} <= set(seen)


def test_methods_stand_in_the_order_of_their_means(compared_methods, compared) -> None:
    analysis = analyse(*compared_methods)
    scored = [m for m in analysis.ranked("clean") if analysis.accuracy("clean", m)["seeds"]]
    means = [analysis.accuracy("clean", method)["mean"] for method in scored]
    assert means == sorted(means, reverse=True)
    assert analysis.ranked("clean")[len(scored) :] == ["late_fusion", "boosting_frozen"]


@pytest.mark.parametrize("name", ["comparison_clean", "modalities", "accuracy", "gap_function"])
def test_names_of_many_methods_neither_overlap_nor_are_cut_off(compared, name) -> None:
    one = compared[name]
    named = [t for t in texts(one) if t.get_text() in {label.get_text() for label in _names(one)}]
    boxes = [text.get_window_extent() for text in named]
    frame = one.figure.bbox
    assert len(boxes) > 4
    assert all(frame.x0 - 1 <= box.x0 and box.x1 <= frame.x1 + 1 for box in boxes)
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


def _names(one: Drawn) -> list[Text]:
    titles = [axes.title for axes in one.figure.axes]
    return [*titles, *one.figure.axes[0].get_yticklabels()]


def test_many_methods_have_a_panel_each_for_their_curves(compared, compared_methods) -> None:
    confirmed = [m for m in compared_methods[0]["methods"] if m not in ("late_fusion", "boosting_frozen")]
    assert len(compared["accuracy"].figure.axes) == len(confirmed)


def test_few_methods_share_a_panel_for_their_curves(boosting) -> None:
    assert len(boosting["accuracy"].figure.axes) == 1


def test_of_many_methods_the_baseline_and_those_that_relearn_are_drawn_first(compared_methods) -> None:
    analysis = analyse(*compared_methods)
    assert few(analysis, analysis.methods)[:3] == ["joint", "diagnose_relearn", "dr_boosting"]
    assert len(few(analysis, analysis.methods)) == FEW


def test_a_choice_of_methods_is_stated(compared, boosting) -> None:
    assert "Drawn are 4 of 10 methods" in compared["purity_gap"].caption
    assert "Drawn are" not in boosting["purity_gap"].caption


def test_search_has_a_panel_for_every_method_that_was_searched(compared, compared_methods) -> None:
    assert len(compared["search_history"].figure.axes) == len(compared_methods[0]["methods"])


def test_heads_have_two_panels_for_every_modality(boosting) -> None:
    axes = boosting["heads_boosting"].figure.axes
    assert [one.get_title() for one in axes if one.get_title()] == ["audio", "visual"]
    assert len(axes) == 4


def test_earlier_heads_have_a_mean_only_where_every_run_has_several(boosted) -> None:
    runs = [r for r in boosted[1] if (r.stage, r.method) == ("confirm", "boosting")]
    late = {
        n: {name: number for name, number in metrics.items() if n > 6 or not name.endswith("earlier")}
        for n, metrics in runs[0].epochs.items()
    }
    frame = trial_tables.modalities([replace(runs[0], epochs=late), *runs[1:]])
    own = frame[frame["modality"] == "visual"]
    means = trial_tables.mean_where_all(own, ["modality", "epoch"], ["accuracy_all", "accuracy_earlier"])
    assert list(means[means["accuracy_earlier"].notna()]["epoch"]) == list(range(7, 13))
    assert means["accuracy_all"].notna().all()


def test_relearning_switched_off_is_explained_only_where_it_was_swept(boosting) -> None:
    assert "boosting with this method's other settings" in boosting["sensitivity_dr_boosting_lam"].caption
    assert "re-learned" not in boosting["sensitivity_boosting_smoothing"].caption


def test_one_modality_more_gives_one_panel_more(tmp_path, three_modalities) -> None:
    found = drawn(*three_modalities)
    assert [a.get_title() for a in found["purity_gap"].figure.axes] == ["voice", "face", "text"]
    assert [a.get_title() for a in found["heads_boosting"].figure.axes[:3]] == ["voice", "face", "text"]
    with style.style():
        plots.save(found["modalities"].figure, tmp_path / "figure.png", sample=True)
