import re

import numpy as np
import pytest
from synthetic_studies import surface_study

from study.analysis.results import Results, analyse
from study.analysis.surface import LEAST_POINTS
from study.reporting.drawing import style
from study.reporting.section import Drawn
from study.reporting.sections.surface import MOST_MAPS, SearchedSurface
from study.reporting.wording import SPACE


@pytest.fixture(scope="module")
def learned() -> Results:
    """A design in which the learning rate has an optimum and lambda and H act together."""
    return analyse(*surface_study(32))


@pytest.fixture(scope="module")
def figures(learned) -> dict[str, Drawn]:
    with style.style():
        return {one.name: one for one in SearchedSurface().figures(learned)}


def sentences(results: Results) -> list[str]:
    return [line.replace(SPACE, " ") for line in SearchedSurface().findings(results)]


def test_every_hyperparameter_has_a_verdict_in_words(learned) -> None:
    said = sentences(learned)
    assert re.match(r"Diagnose & Re-learn: learning rate matters \(\d+ % of the variance", said[0])
    assert any("λ matters" in line and line.endswith("but it depends on H.") for line in said)
    assert said[-1].endswith("R does not matter.")


def test_the_best_learning_rate_is_told(learned) -> None:
    best = re.search(r"best near (0\.\d+)", sentences(learned)[0])
    assert 0.008 < float(best.group(1)) < 0.032  # planted at 0.016


def test_a_row_of_the_table_holds_shares_trend_and_verdict(learned) -> None:
    (table,) = SearchedSurface().tables(learned)
    rows = {row[0]: row for row in table.rows}
    assert rows["R"][1].startswith("0 [0,")
    assert rows["R"][-1] == "does not matter"
    assert rows["learning rate"][-1].startswith("matters, best near")
    assert "32 points, up to 1 seed each, cross-validated R²" in table.note


def test_figures_are_shares_effects_and_maps(figures) -> None:
    method = "diagnose_relearn"
    assert list(figures) == ["surface_shares", f"surface_effects_{method}", f"surface_maps_{method}"]
    maps = figures[f"surface_maps_{method}"].figure
    assert len(maps.axes) == 2 * MOST_MAPS + 2  # with the colour scales of both rows


def test_words_say_what_figures_show(figures) -> None:
    said = [one.finding.replace(SPACE, " ") for one in figures.values()]
    assert re.search(r"learning rate \d+ \[\d+, \d+\], λ", said[0])
    assert re.search(r"learning rate \d+\.\d percentage points, best near 0\.01", said[1])
    assert re.search(r"Best mean scores at λ = .* and H = \d; ", said[2])


def test_maps_stand_below_each_other_on_a_narrow_page_and_each_names_its_axes(learned) -> None:
    with style.style(style.NARROW):
        *_, maps = SearchedSurface().figures(learned)
    panels = maps.figure.axes[: 2 * MOST_MAPS]
    assert len({round(axes.get_position().x0, 2) for axes in panels}) == 1
    assert [axes.get_xlabel() for axes in panels] == 2 * ["λ", "learning rate", "learning rate"]


def test_the_pair_that_the_space_names_is_the_first_map(figures) -> None:
    maps = figures["surface_maps_diagnose_relearn"].figure
    assert (maps.axes[MOST_MAPS].get_xlabel(), maps.axes[0].get_ylabel()) == ("λ", "H")


def test_axes_have_the_scale_of_their_hyperparameter(figures) -> None:
    effects = figures["surface_effects_diagnose_relearn"].figure
    assert [axes.get_xscale() for axes in effects.axes] == ["log", "linear", "linear", "linear"]


def test_nothing_leaves_its_figure(figures) -> None:
    for one in figures.values():
        one.figure.draw_without_rendering()
        box, (width, height) = one.figure.get_tightbbox(), one.figure.get_size_inches()
        assert min(box.x0, box.y0) > -0.05
        assert box.x1 < width + 0.05
        assert box.y1 < height + 0.05


def test_csv_files_hold_curves_maps_and_shares(learned) -> None:
    frames = SearchedSurface().csv(learned)
    assert len(frames["surface"]) == 4
    lam = frames["surface_effects"].query("key == 'lam'")
    assert np.all(lam["low"] < lam["mean"])
    assert len(frames["surface_maps"].query("first == 'lam' and second == 'every'")) == 15 * 3


def test_what_explains_nothing_says_so_and_draws_nothing() -> None:
    few = analyse(*surface_study(LEAST_POINTS - 4))
    assert list(SearchedSurface().figures(few)) == []
    (line,) = sentences(few)
    assert f"too few points ({LEAST_POINTS} are needed)" in line
    (table,) = SearchedSurface().tables(few)
    assert {row[-1] for row in table.rows} == {"not decidable with 16 points"}


def test_a_study_without_a_design_has_no_such_section(module_study) -> None:
    results = analyse(*module_study)
    assert sentences(results) == []
    assert list(SearchedSurface().tables(results)) == []
