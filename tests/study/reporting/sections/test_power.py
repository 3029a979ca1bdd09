from report_reading import cards, judged, tables

from study.reporting.sections import power
from study.reporting.sections.power import Power


def compared(synthetic, ours, theirs):
    """Records of a study in which joint training and D&R were confirmed with these accuracies on test."""
    return judged(synthetic, {"joint": theirs, "diagnose_relearn": ours})


def test_a_row_says_what_its_seeds_and_spread_find(synthetic, settings) -> None:
    theirs = [0.60, 0.60, 0.60, 0.60, 0.60]
    (table,) = tables(Power(), settings(), compared(synthetic, [0.60, 0.61, 0.62, 0.63, 0.64], theirs))
    assert table.heads[3:] == [
        "Standard error (points)",
        "Detectable (points)",
        *(f"Seeds for {n}.0 (points)" for n in (1, 2, 5)),
    ]
    ((label, seeds, test, error, detectable, *needed),) = table.rows
    assert (label, seeds, test, error) == ("Diagnose & Re-learn", "5 seeds", "paired t", "0.7")
    assert float(detectable) == 2.7  # 1.68 standard deviations of 1.6 points
    assert [int(number) for number in needed] == sorted(map(int, needed), reverse=True)


def test_a_row_says_which_test_and_how_many_seeds_of_both(synthetic, settings) -> None:
    theirs = [0.60, 0.61, 0.62, 0.63, 0.64, 0.60, 0.63, 0.61]
    records = judged(synthetic, {"joint": theirs, "boosting": [0.60, 0.62, 0.65, 0.63]})
    (table,) = tables(Power(), settings(methods=["joint", "boosting"]), records)
    assert table.rows[0][:3] == ["Boosting", "4 against 8 seeds", "Welch's t"]


def test_two_seeds_or_equal_differences_have_no_row(synthetic, settings) -> None:
    assert tables(Power(), settings(), compared(synthetic, [0.7, 0.8], [0.6, 0.6])) == []
    assert tables(Power(), settings(), compared(synthetic, [0.7, 0.7, 0.7], [0.6, 0.6, 0.6])) == []


def test_a_candidate_that_is_not_decided_says_what_would_have_been_found(synthetic, settings) -> None:
    records = compared(synthetic, [0.60, 0.68, 0.56, 0.63, 0.61], [0.61, 0.60, 0.62, 0.59, 0.61])
    (card,) = cards(Power(), settings(), records)
    assert card.startswith(
        "Too few seeds to decide: four of five such studies would find a true difference of "
    )
    assert int(card.split("need ")[1].split()[0]) > 5


def test_two_seeds_are_too_few_to_test(synthetic, settings) -> None:
    (card,) = cards(Power(), settings(), compared(synthetic, [0.7, 0.8], [0.6, 0.6]))
    assert card == "Too few seeds to decide: Diagnose & Re-learn cannot be tested."


def test_seeds_are_not_missing_where_all_of_them_differ_by_the_same(synthetic, settings) -> None:
    assert cards(Power(), settings(), compared(synthetic, [0.7] * 5, [0.6] * 5)) == []


def test_the_card_names_the_most_seeds_that_any_method_needs(synthetic, settings, monkeypatch) -> None:
    monkeypatch.setattr(power, "MATTERS", 0.003)
    wild = {"joint": [0.60, 0.61, 0.59, 0.60, 0.61], "ogm_ge": [0.05, 0.95, 0.06, 0.94, 0.50]}
    records = judged(synthetic, {**wild, "diagnose_relearn": [0.60, 0.68, 0.56, 0.63, 0.61]})
    (card,) = cards(Power(), settings(methods=["joint", "ogm_ge", "diagnose_relearn"]), records)
    assert card.endswith(" need over 10,000 seeds a method.")


def test_nothing_is_missing_of_what_is_decided_or_finely_measured(synthetic, settings) -> None:
    theirs = [0.60, 0.60, 0.60, 0.60, 0.60]
    for ours in ([0.70, 0.71, 0.72, 0.73, 0.74], [0.601, 0.600, 0.599, 0.602, 0.598]):
        assert cards(Power(), settings(), compared(synthetic, ours, theirs)) == []


def test_no_seeds_are_counted_where_more_of_them_are_no_more_data(folded) -> None:
    (table,) = tables(Power(), *folded)
    assert table.heads[3:] == ["Standard error (points)", "Detectable (points)"]
    assert table.note.endswith("is itself estimated from few folds.")
