import itertools
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from study import api
from study.analysis import chosen_runs
from study.analysis.results import Results, analyse
from study.analysis.selection import incumbent
from study.records.trial_record import Record
from study.reporting import write_report
from study.reporting.drawing import files, style
from study.reporting.page import PageSection, render
from study.reporting.section import Section, Table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


def all_pruned(synthetic: Callable) -> list[Record]:
    study = synthetic()
    for n in range(3):
        study.add("search", "joint", 0.3, ran=2, status="pruned", config={"lr": 0.1 * (n + 1)})
    return study.records


def never_trained(synthetic: Callable) -> list[Record]:
    study = synthetic()
    study.add("search", "joint", 0.0, ran=0, status="failed", reason="out of memory")
    study.add("search", "joint", 0.0, ran=0, status="running")
    return study.records


def untested(records: list[Record]) -> list[Record]:
    return [
        replace(r, epochs={n: {k: v for k, v in m.items() if "test/" not in k} for n, m in r.epochs.items()})
        for r in records
    ]


def diverged_confirm(synthetic: Callable) -> list[Record]:
    study = synthetic().search("joint", 0.5, 1)
    study.add("confirm", "joint", 0.1, status="diverged", seed=1000)
    return study.records


def surface_only(synthetic: Callable) -> list[Record]:
    study = synthetic()
    for lam in (0.0, 1.0, 2.0):
        study.add("surface", "diagnose_relearn", 0.6, config={"lam": lam}, seed=4000)
    return study.records


CASES: dict[str, Callable[[Callable, Callable], list[Record]]] = {
    "nothing": lambda whole, synthetic: [],
    "search only": lambda whole, synthetic: [r for r in whole().records if r.stage == "search"],
    "no search": lambda whole, synthetic: [r for r in whole().records if r.stage != "search"],
    "no confirm": lambda whole, synthetic: [r for r in whole().records if r.stage != "confirm"],
    "one seed": lambda whole, synthetic: whole(seeds=1).records,
    "all pruned": lambda whole, synthetic: all_pruned(synthetic),
    "never trained": lambda whole, synthetic: never_trained(synthetic),
    "no test": lambda whole, synthetic: untested(whole().records),
    "one method": lambda whole, synthetic: [r for r in whole().records if r.method == "joint"],
    "one modality": lambda whole, synthetic: whole(("voice",)).records,
    "four modalities": lambda whole, synthetic: whole(("voice", "face", "text", "depth")).records,
    "surface only": lambda whole, synthetic: surface_only(synthetic),
    "only diverged confirm": lambda whole, synthetic: diverged_confirm(synthetic),
}


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("case", CASES)
def test_a_partly_filled_ledger_gives_a_whole_report(tmp_path, whole, synthetic, settings, case) -> None:
    written = write_report.write(tmp_path, settings(), CASES[case](whole, synthetic))
    assert written.html.read_text().rstrip().endswith("</html>")
    assert json.loads((tmp_path / "summary.json").read_text()) == written.summary
    assert all(path.is_file() for path in written.figures)


@pytest.fixture(scope="module")
def written(folder, module_study) -> write_report.Report:
    settings, records = module_study
    return write_report.write(folder, settings, records)


def test_a_whole_study_has_its_figures(written) -> None:
    names = {path.stem for path in written.figures}
    assert names == {
        "differences_clean",
        "comparison_clean",
        "modalities",
        "contributions",
        "contribution_epochs",
        "robustness",
        "accuracy",
        "purity_gap",
        "purity_gap_size_matched",
        "sensitivity_diagnose_relearn_lam",
        "sensitivity_diagnose_relearn_every",
        "search_history",
        "tuning_curves",
    }


def test_figures_are_sharp_enough_for_print(written) -> None:
    for path in written.figures:
        with Image.open(path) as image:
            assert image.width >= 800


def test_the_page_needs_no_other_file(written) -> None:
    page = written.html.read_text()
    sources = re.findall(r'(?:src|srcset)="([^"]{0,30})', page)
    assert sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert len(page) < 3_000_000


def test_every_link_of_the_page_leads_somewhere(written, folder) -> None:
    page = written.html.read_text()
    links = re.findall(r'href="([^"]*)"', page)
    assert links
    inside = {link for link in links if link.startswith("#")}
    assert all(f'<section id="{link[1:]}">' in page for link in inside)
    assert all((folder / link).is_file() for link in set(links) - inside)
    files = {str(path.relative_to(folder)) for path in folder.glob("*/*")}
    assert files <= set(links)


def test_every_figure_is_there_for_wide_and_narrow_screens_and_said_in_words(written) -> None:
    page = written.html.read_text()
    assert page.count("<img ") == len(written.figures)
    assert page.count('<source media="screen and (max-width: 600px)"') == len(written.figures)
    said = re.findall(r'alt="([^"]*)"', page)
    assert len(set(said)) == len(written.figures)
    assert all(" " in text for text in said)


def test_the_first_screen_has_question_answer_and_verdicts_before_any_section(written) -> None:
    page = written.html.read_text()
    asked, told = "improve on joint training on cremad?", 'class="answer">'
    shown = ['class="verdict ', "differences_clean.", "Contents</h2>", '<section id="results">']
    places = [page.index(part) for part in (asked, told, *shown)]
    assert places == sorted(places)


def test_tables_and_headings_can_be_heard(written) -> None:
    page = written.html.read_text()
    assert '<html lang="en">' in page
    levels = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert "<th>" not in page
    assert page.count("<caption>") == page.count("<table ")


def test_what_limits_the_numbers_is_on_the_first_screen(tmp_path, whole, settings) -> None:
    asked = settings(data={"note": "features were fitted on the training part."})
    page = write_report.write(tmp_path, asked, whole().records).html.read_text()
    card = page.index("<strong>On the data</strong> Features were fitted on the training part.")
    assert card < page.index("Contents</h2>")


def test_every_result_row_names_the_five_things_it_rests_on(written, folder) -> None:
    frame = pd.read_csv(folder / "tables" / "methods.csv")
    assert frame[["split_policy", "recipe", "frames", "selection", "optimizer"]].notna().all(axis=None)


def test_sample_results_are_marked_on_the_page_and_on_every_figure(tmp_path, whole, settings) -> None:
    asked = settings(data={"is_sample": True})
    written = write_report.write(tmp_path, asked, whole().records)
    assert "These are results on generated sample data" in written.html.read_text()
    for path in written.figures:
        with Image.open(path) as image:
            corner = image.convert("RGB").crop((image.width - 200, 0, image.width, 40))
        assert (255, 233, 168) in {colour for _, colour in corner.getcolors(10_000)}


@pytest.mark.usefixtures("sketched")
def test_a_rerun_removes_figures_that_no_longer_hold(tmp_path, whole, settings) -> None:
    records = whole().records
    write_report.write(tmp_path, settings(), records)
    write_report.write(tmp_path, settings(), [r for r in records if r.stage == "search"])
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"search_history", "tuning_curves"}


def test_names_from_outside_are_escaped_on_the_page(tmp_path, settings, synthetic) -> None:
    asked = settings(study="<script>alert(1)</script>")
    page = write_report.write(tmp_path, asked, synthetic().search("joint", 0.5, 1).records).html.read_text()
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("uri", "hint"), [("sqlite:///results/mlflow.db", True), ("https://mlflow.example", False)]
)
def test_the_page_links_to_the_trials_in_mlflow_and_says_what_serves_them(settings, whole, uri, hint) -> None:
    shown = {"uri": uri, "page": "https://mlflow.example/#/experiments/1/runs?a=b&c=d"}
    page = render(
        analyse(settings(mlflow=shown), whole().records), PageSection("", "", [], [], []), [], [], []
    )
    assert '<a href="https://mlflow.example/#/experiments/1/runs?a=b&amp;c=d">' in page
    assert ("open it while <code>python -m study.ui</code> runs" in page) == hint


@pytest.mark.parametrize(
    ("machines", "told"),
    [
        ([()], "cuda, 2 threads a trial"),
        ([("Xeon, AVX512, NVIDIA H200",)], "cuda, 2 threads a trial, Xeon, AVX512, NVIDIA H200"),
        ([("one CPU",), ("other CPU",)], "cuda, 2 threads a trial, 2 types of machines"),
    ],
)
def test_the_page_names_what_the_trials_ran_on(settings, whole, machines, told) -> None:
    asked = settings(numerics={"device": "cuda", "threads": 2})
    records = [
        replace(record, machines=kinds)
        for record, kinds in zip(whole().records, itertools.cycle(machines), strict=False)
    ]
    page = render(analyse(asked, records), PageSection("", "", [], [], []), [], [], [])
    assert re.search(r"Device</\w+>\s*<\w+>([^<]*)<", page).group(1) == told


def test_nothing_but_the_report_is_left_behind(written, folder) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "figures",
        "interactive.html",
        "report.html",
        "summary.json",
        "tables",
    ]


@pytest.fixture(scope="module")
def of_many(tmp_path_factory, compared_methods):
    """Folder of the report on a comparison of twelve methods, with figures of few pixels."""
    folder = tmp_path_factory.mktemp("many")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(style.RC, "savefig.dpi", 45)
        write_report.write(folder, *compared_methods)
    return folder


def test_every_method_has_a_row_whatever_became_of_it(of_many, compared_methods) -> None:
    frame = pd.read_csv(of_many / "tables" / "methods.csv").set_index("method")
    assert set(frame.index) == set(compared_methods[0].methods)
    assert frame.loc["late_fusion", "status"] == "no search trial completed"
    assert "loss is not finite" in frame.loc["late_fusion", "reason"]
    assert frame.loc["ogm_ge", "seeds"] == 4


def test_the_table_of_methods_is_sorted_and_marks_its_baseline(of_many) -> None:
    frame = pd.read_csv(of_many / "tables" / "methods.csv")
    means = frame["test_accuracy_mean"].dropna()
    assert means.is_monotonic_decreasing
    assert list(frame.index[frame["test_accuracy_mean"].isna()]) == [10, 11]
    assert list(frame["method"][frame["is_baseline"]]) == ["joint"]


def test_the_table_of_methods_has_tests_and_costs(of_many) -> None:
    row = pd.read_csv(of_many / "tables" / "methods.csv").set_index("method").loc["boosting"]
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    assert row["p"] < row["p_holm"] < 1
    assert row["cpu_hours_search"] > 0
    assert row["cpu_hours_confirm"] > 0


def test_the_page_names_every_method_in_its_table(of_many) -> None:
    page = (of_many / "report.html").read_text()
    rows = re.search(r"<caption>Methods, clean.*?</table>", page, re.DOTALL)[0]
    assert '<th scope="row" role="rowheader">Joint training (baseline)</th>' in rows
    assert "no search trial completed: 5 diverged (loss is not finite), 1 pruned" in rows
    assert "left out: seed 1003 diverged" in rows


def test_a_comparison_of_twelve_methods_has_its_figures(of_many) -> None:
    assert {path.stem for path in (of_many / "figures").iterdir()} == {
        "differences_clean",
        "comparison_clean",
        "modalities",
        "contributions",
        "contribution_epochs",
        "robustness",
        "accuracy",
        "purity_gap",
        "purity_gap_size_matched",
        "heads_boosting",
        "heads_dr_boosting",
        "gap_function",
        "search_history",
        "tuning_curves",
    }


def test_each_incumbent_is_computed_once_for_a_report(tmp_path, module_study, monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(chosen_runs, "incumbent", lambda *given: calls.append(given[1]) or incumbent(*given))
    monkeypatch.setattr(files, "save", lambda figure, stem: None)
    monkeypatch.setattr(files, "picture", lambda figure: "")
    write_report.write(tmp_path, *module_study)
    assert sorted(calls) == sorted(module_study[0].methods)


def test_no_table_names_a_column_twice(compared_methods, boosted) -> None:
    for results in (analyse(*compared_methods), analyse(*boosted)):
        sections = [write_report.OPENING, *write_report.SECTIONS]
        found = [table for section in sections for table in section.tables(results)]
        named = [[head for head in table.heads if head] for table in found]
        assert len(found) > 5
        assert all(len(heads) == len(set(heads)) for heads in named)
        assert all(len(row) <= len(table.heads) for table in found for row in table.rows)


def test_no_two_sections_write_the_same_file(written, module_study) -> None:
    assert len(written.figures) == len(set(written.figures))
    results = analyse(*module_study)
    names = [name for section in write_report.SECTIONS for name in section.csv(results)]
    assert len(names) == len(set(names))


class Extra(Section):
    """A question of one's own."""

    name = "extra"
    title = "Is <this> asked?"

    def findings(self, results):
        return ["It is."]

    def tables(self, results):
        return [Table("Answers", ["A"], [["yes"]], "Read this first.")]


def test_a_further_section_is_one_line(tmp_path, module_study, monkeypatch) -> None:
    monkeypatch.setattr(write_report, "SECTIONS", [Extra()])
    written = write_report.write(tmp_path, *module_study)
    page = written.html.read_text()
    assert written.findings[-1] == "It is."
    assert "<h2>Is &lt;this&gt; asked?</h2>" in page
    assert page.index("<li>It is.</li>") < page.index("Read this first.")
    assert page.index("Read this first.") < page.index("<caption>Answers</caption>")


README = Path(write_report.__file__).with_name("README.md")


def test_the_readmes_section_has_its_table(module_study) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names = {"Section": Section, "Table": Table, "Results": Results}
    exec(code, names)
    results = analyse(*module_study)
    (table,) = names["Seeds"]().tables(results)
    assert table.rows == [["Joint training", "3", "1.1"], ["Diagnose & Re-learn", "3", "1.2"]]


KEPT = Path(__file__).parents[2] / "kept_formats" / "ledger.db"


@pytest.mark.usefixtures("sketched")
def test_a_ledger_of_an_earlier_version_is_reported(tmp_path) -> None:
    folder = tmp_path / "features_dr-toy"
    folder.mkdir()
    shutil.copy(KEPT, folder)
    written = api.report(folder)
    assert written.html.read_text().rstrip().endswith("</html>")
    assert set(written.summary["methods"]) == {"joint", "diagnose_relearn"}
    assert written.summary["sensitivity"]["diagnose_relearn"]
