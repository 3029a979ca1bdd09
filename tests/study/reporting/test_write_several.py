import re
from dataclasses import replace

import pandas as pd
import pytest
from report_reading import BASE, judged, shifted

from study.analysis.results import analyse
from study.analysis.several_studies import beside
from study.reporting import several_figures, write_several
from study.reporting.drawing import style
from study.reporting.wording import NONE, SPACE


@pytest.fixture
def several(settings, synthetic):
    """Two studies: D&R is clearly better in the first and absent from the second, which is not complete."""
    one = settings(
        id="1", data={"name": "votes", "digest": "1"}, methods=["joint", "diagnose_relearn", "ogm_ge"]
    )
    other = settings(id="2", data={"name": "<b>faces", "digest": "2"}, methods=["joint", "ogm_ge"])
    reached = {"joint": BASE, "diagnose_relearn": shifted(0.1), "ogm_ge": shifted(0.0, 0.03)}
    without = {"joint": BASE, "ogm_ge": shifted(-0.1)}
    return {
        "first": analyse(one, judged(synthetic, reached)),
        "second": analyse(other, judged(synthetic, without)),
    }


@pytest.fixture
def written(tmp_path, several):
    return write_several.write(tmp_path, beside(several))


def rows(page: str, title: str) -> dict[str, list[str]]:
    """Cells of a table by the first of each row, with plain spaces."""
    table = re.search(rf"<caption>{title}.*?</table>", page, re.DOTALL)[0]
    found = re.findall(
        r'<tr role="row">\s*<th scope="row" role="rowheader">(.*?)</th>(.*?)</tr>', table, re.DOTALL
    )
    cells = {name: re.findall(r"<td .*?>(.*?)</td>", row, re.DOTALL) for name, row in found}
    return {name: [re.sub(r"\s+", " ", cell) for cell in row] for name, row in cells.items()}


def test_a_column_a_study_and_the_best_of_each_is_bold(written) -> None:
    table = rows(written.html.read_text(), "Accuracy")
    best, *others = table["Diagnose &amp; Re-learn"]
    assert re.fullmatch(r"<strong>72\.0 ↑ \[.*\]</strong>", best)
    assert others == [NONE, NONE]
    beaten, best, rank = table["Joint training"]
    assert re.fullmatch(r"62\.0 \[.*\]", beaten)
    assert best == f"<strong>{beaten}</strong>"
    assert rank == "1.5"
    assert table["OGM-GE"][1].startswith("52.0 ↓")


def test_a_difference_says_whether_it_is_shown(written) -> None:
    table = rows(written.html.read_text(), "Accuracy \\(points\\) minus joint training")
    assert "Joint training" not in table
    added, absent = table["Diagnose &amp; Re-learn"]
    assert added.startswith("+10.0 [")
    assert added.endswith("better, p &lt; 0.001")
    assert absent == NONE
    assert "not distinguishable, p = " in table["OGM-GE"][0]
    assert "worse, p &lt; 0.001" in table["OGM-GE"][1]


def test_findings_name_the_studies(written) -> None:
    assert written.findings == [
        "Diagnose & Re-learn against joint training: better in votes.",
        "OGM-GE against joint training: not distinguishable in votes; worse in <b>faces.",
    ]


def test_the_page_escapes_names_and_needs_no_other_file(written) -> None:
    page = written.html.read_text()
    assert "<b>faces" not in page
    assert page.count("<img ") == 2
    assert all(source.startswith("data:image/svg+xml") for source in re.findall(r'src="([^"]{0,30})', page))


def test_studies_that_are_not_complete_or_of_generated_data_are_named(tmp_path, several, settings) -> None:
    page = write_several.write(tmp_path / "a", beside(several)).html.read_text()
    assert "failed: first, second." in page
    assert "Generated data" not in page
    chosen = several["second"].chosen
    sample = settings(id="2", data={"is_sample": True, "digest": "2"}, methods=["joint", "ogm_ge"])
    page = write_several.write(
        tmp_path / "b", beside(several | {"second": analyse(sample, chosen.records)})
    ).html
    assert "Generated data, not a result: second." in page.read_text()
    caption = (tmp_path / "b" / "tables" / "scores_clean.tex").read_text()
    assert "SAMPLE, generated data, not a result: second. Not complete: first and second. Bold" in caption


def test_tables_stand_beside_the_page_in_three_forms(tmp_path, written) -> None:
    names = {path.name for path in (tmp_path / "tables").iterdir()}
    forms = {f"{name}.{form}" for name in ("scores_clean", "differences_clean") for form in ("tex", "md")}
    assert names == {"methods.csv", *forms}
    latex = (tmp_path / "tables" / "scores_clean.tex").read_text()
    assert r"Diagnose \& Re-learn & \textbf{\shortstack[r]{72.0~$\uparrow$ \\ {}[" in latex
    frame = pd.read_csv(tmp_path / "tables" / "methods.csv").set_index(["study", "method"])
    assert len(frame) == 5
    assert frame.loc[("second", "ogm_ge"), "verdict"] == "worse"
    assert frame[["split_policy", "recipe", "frames", "selection", "optimizer"]].notna().all(axis=None)
    assert frame.loc[("first", "diagnose_relearn"), "mean"] == pytest.approx(0.72, abs=1e-3)


@pytest.mark.usefixtures("sketched")
def test_more_studies_than_fit_a_figure_get_another(tmp_path, several) -> None:
    settings, records = several["first"].settings, several["first"].chosen.records
    write_several.write(
        tmp_path, beside({name: analyse(replace(settings, id=name), records) for name in "abcd"})
    )
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert names == {f"{kind}_clean_{part}" for kind in ("scores", "differences") for part in (1, 2)}


def test_data_of_one_name_are_told_apart_by_the_study(tmp_path, several, settings) -> None:
    asked = settings(id="2", data={"name": "votes", "digest": "2"}, methods=["joint", "ogm_ge"])
    again = analyse(asked, several["second"].chosen.records)
    written = write_several.write(tmp_path, beside(several | {"second": again}))
    assert (
        'role="columnheader">first</th><th scope="col" role="columnheader">second</th>'
        in written.html.read_text()
    )
    assert SPACE not in "".join(written.findings)


@pytest.mark.usefixtures("sketched")
def test_a_study_without_any_number_has_no_panel(several, settings) -> None:
    empty = analyse(settings(id="3", data={"digest": "3"}), [])
    with style.style():
        drawn = list(several_figures.figures(beside(several | {"third": empty})))
    assert [[axes.get_title() for axes in one.figure.axes] for one in drawn] == [["votes", "<b>faces"]] * 2


def test_nothing_is_said_of_methods_where_selection_is_saturated(tmp_path, several) -> None:
    first = several["first"]
    vars(first)["saturated"] = [1]
    written = write_several.write(tmp_path, beside(several))
    told = rows(written.html.read_text(), "Accuracy \\(points\\) minus")["Diagnose &amp; Re-learn"][0]
    assert told.endswith("not decidable")
    assert "Selection is saturated, so nothing is said of methods: first." in written.html.read_text()
    assert not [line for line in written.findings if "better in votes" in line]
