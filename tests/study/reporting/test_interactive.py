import json
import re

from plotly.offline import get_plotlyjs

from study.analysis.results import analyse
from study.reporting import interactive


def plots(page: str) -> dict:
    """What the page draws: method -> parallel coordinates, slices and curves."""
    (text,) = re.findall(r'<script type="application/json" id="plots">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def test_every_searched_method_has_its_plots(module_study) -> None:
    drawn = plots(interactive.render(analyse(*module_study)))
    assert set(drawn) == {"Joint training", "Diagnose & Re-learn"}
    parallel, slices, curves = drawn["Diagnose & Re-learn"]
    assert {"validation accuracy (%)", "learning rate", "λ", "H"} <= set(
        parallel["layout"]["xaxis"]["ticktext"]
    )
    assert [axis["title"]["text"] for name, axis in slices["layout"].items() if name.startswith("xaxis")]
    assert len(curves["data"]) == 5  # of six trials one diverged


def test_every_trial_is_seen_on_white_and_every_curve_is_named(module_study) -> None:
    parallel, slices, curves = plots(interactive.render(analyse(*module_study)))["Diagnose & Re-learn"]
    *lines, bar = parallel["data"]
    colours = [[float(part) for part in re.findall(r"[\d.]+", line["line"]["color"])] for line in lines]
    assert colours
    assert all(min(colour) < 150 for colour in colours)
    scales = [bar["marker"]["colorscale"], *(each["marker"]["colorscale"] for each in slices["data"])]
    assert {tuple(colour for _, colour in scale) for scale in scales} == {interactive.SCALE}
    assert curves["layout"]["showlegend"]
    assert [curve["name"] for curve in curves["data"]] == [f"trial {n}" for n in range(5)]


def test_scores_are_those_of_the_report(module_study) -> None:
    settings, records = module_study
    _, slices, _ = plots(interactive.render(analyse(settings, records)))["Joint training"]
    completed = [r for r in records if (r.stage, r.method, r.status) == ("search", "joint", "completed")]
    assert sorted(slices["data"][0]["y"]) == sorted(100 * record.value for record in completed)


def test_the_page_asks_for_nothing_and_sends_nothing(module_study) -> None:
    page = interactive.render(analyse(*module_study))
    own = page.replace(get_plotlyjs(), "")
    assert "Plotly.newPlot" in own
    assert not re.findall(r'src=|<link|https?://|href="(?!report\.html")', own)
    assert 'plotlyServerURL: ""' in own
    assert '"sendChartToCloud"' in own


def test_a_study_without_a_completed_trial_says_so(settings, synthetic) -> None:
    page = interactive.render(analyse(settings(), synthetic().records))
    assert "No search trial has completed yet." in page
    assert len(page) < 10_000


def test_a_single_trial_is_drawn(settings, synthetic) -> None:
    study = synthetic().search("joint", 0.5, 1)
    (drawn,) = plots(interactive.render(analyse(settings(), study.records))).values()
    assert len(drawn) == 3


def test_names_from_outside_are_escaped(settings, synthetic) -> None:
    asked = settings(study="<script>alert(1)</script>")
    assert "<script>alert" not in interactive.render(
        analyse(asked, synthetic().search("joint", 0.5, 1).records)
    )
