import re
from dataclasses import replace

from report_reading import chosen_at, drawn, said, tables

from study.analysis import trial_tables
from study.reporting.sections.boosting import Boosting
from study.reporting.wording import NONE


def test_studies_without_boosting_have_nothing_of_heads(module_study) -> None:
    assert drawn(Boosting(), *module_study) == {}
    assert tables(Boosting(), *module_study) == []


def test_controls_have_no_figure_of_heads_of_their_own(compared_methods) -> None:
    assert list(drawn(Boosting(), *compared_methods)) == [
        "heads_boosting",
        "heads_dr_boosting",
        "gap_function",
    ]


def test_heads_have_two_panels_for_every_modality(boosted) -> None:
    axes = drawn(Boosting(), *boosted)["heads_boosting"].figure.axes
    assert [one.get_title() for one in axes if one.get_title()] == ["audio", "visual"]
    assert len(axes) == 4


def test_one_modality_more_gives_one_panel_more(three_modalities) -> None:
    axes = drawn(Boosting(), *three_modalities)["heads_boosting"].figure.axes
    assert [one.get_title() for one in axes[:3]] == ["voice", "face", "text"]


def test_earlier_heads_have_a_mean_only_where_every_run_has_several(boosted) -> None:
    runs = [r for r in boosted[1] if (r.stage, r.method) == ("confirm", "boosting")]
    late = {
        n: {name: number for name, number in metrics.items() if n > 6 or not name.endswith("earlier")}
        for n, metrics in runs[0].epochs.items()
    }
    frame = trial_tables.modalities([replace(runs[0], epochs=late), *runs[1:]])
    visual = frame[frame["modality"] == "visual"]
    means = trial_tables.mean_where_all(visual, ["modality", "epoch"], ["accuracy_all", "accuracy_earlier"])
    assert list(means[means["accuracy_earlier"].notna()]["epoch"]) == list(range(7, 13))
    assert means["accuracy_all"].notna().all()


def test_heads_are_told_by_modality_with_what_the_newest_added(boosted) -> None:
    (table,) = tables(Boosting(), *boosted)
    rows = {(row[0], row[1]): row[2:] for row in table.rows}
    assert rows["Boosting", "audio"][:3] == ["1", "0 of 3", NONE]
    heads, who, added, _ = rows["Boosting", "visual"]
    assert (heads, who) == ("4", "3 of 3")
    assert re.fullmatch(r"\+\d\.\d\n\[[+-]\d\.\d,.[+-]\d\.\d\]", added)


def test_what_all_heads_reach_stands_beside_one_head(synthetic, settings) -> None:
    study = synthetic()
    for method in ("boosting", "boosting_no_heads"):
        study.search(method, 0.6, 1)
        if method == "boosting_no_heads":
            study.records[-1] = replace(study.records[-1], config=study.first("boosting") | {"max_heads": 1})
        study.confirm(method, 0.6)
    (table,) = tables(Boosting(), settings(methods=["boosting", "boosting_no_heads"]), study.records)
    assert table.heads[-2:] == ["All heads", "Boosting without new heads"]
    assert all(re.fullmatch(r"\d\d\.\d", cell) for row in table.rows for cell in row[-2:])


def test_a_method_that_gave_no_modality_a_head_is_told(synthetic, settings) -> None:
    study = synthetic().search("boosting", 0.6, 1)
    single = study.first("boosting") | {"max_heads": 1}
    study.records[0] = replace(study.records[0], config=single)
    text = said(settings(methods=["boosting"]), study.confirm("boosting", 0.6).records)
    assert "Boosting gave no modality a second head in 3 runs" in text


def test_weights_chosen_before_the_first_added_head_are_counted(synthetic, settings) -> None:
    period = synthetic().search("boosting", 0.6, 1).first("boosting")["period"]
    text = chosen_at(synthetic, settings, "boosting", [1, period, period + 1])
    assert "The chosen epoch comes before the first added head: in 2 of 3 runs of Boosting: " in text


def test_nothing_is_said_where_the_method_had_its_turn(synthetic, settings) -> None:
    assert "chosen epoch" not in chosen_at(synthetic, settings, "boosting", [9, 9])
