from report_reading import many, said, sentence, shifted, tables

from study.reporting.sections.controls import Controls


def test_a_control_that_does_as_well_is_said_to_undo_the_claim(synthetic, settings) -> None:
    records = many(
        synthetic,
        boosting=shifted(0.1, 0.003),
        boosting_no_heads=shifted(0.0),
        boosting_frozen=shifted(0.1, 0.02),
    )
    line = sentence(said(settings(), records), "its controls")
    assert line.startswith("Boosting is better than its controls without new heads (t-tests, Holm-")
    assert "over 2 comparisons" in line
    assert "not distinguishably better than its controls without the training of new heads" in line
    assert line.endswith("So what they leave out is not shown to help.")


def test_a_control_that_is_better_is_said_to_undo_the_claim(synthetic, settings) -> None:
    records = many(synthetic, boosting=shifted(0.0, 0.003), boosting_tripled=shifted(0.1))
    line = sentence(said(settings(), records), "its controls")
    assert line.startswith("Boosting is not distinguishably better than its controls without heads in place")


def test_controls_that_all_fall_short_are_said_to(synthetic, settings) -> None:
    controls = ("boosting_no_heads", "boosting_frozen", "boosting_random", "boosting_tripled")
    worse = {name: shifted(0.01 * n) for n, name in enumerate(controls)}
    text = said(settings(), many(synthetic, boosting=shifted(0.1, 0.003), **worse))
    assert "Boosting is better than every control (t-tests, Holm-adjusted over 4 comparisons)." in text


def test_a_control_that_cannot_be_tested_is_not_called_equal(synthetic, settings) -> None:
    records = many(synthetic, boosting=[0.7] * 5, boosting_random=[0.65] * 5)
    line = sentence(said(settings(), records), "its controls")
    assert (
        line
        == "Boosting cannot be tested against its controls without the choice of the modality by its score."
    )


def test_controls_have_a_table_where_boosting_was_compared(compared_methods, module_study) -> None:
    (table,) = tables(Controls(), *compared_methods)
    assert table.title.startswith("Boosting against its controls: Welch's t")
    assert [row[0] for row in table.rows] == [
        "Boosting without new heads",
        "Boosting with heads at random",
        "Boosting with tripled loss",
    ]
    assert tables(Controls(), *module_study) == []
