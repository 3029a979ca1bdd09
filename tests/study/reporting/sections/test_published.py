from report_reading import tables

from study.reporting.sections.published import Published


def test_published_values_stand_beside_real_results_on_cremad(settings) -> None:
    (table,) = tables(Published(), settings(), [])
    assert any("BalanceBenchmark" in row[-1] for row in table.rows)
    assert "not comparable" in table.note


def test_published_values_do_not_stand_beside_sample_results_or_other_data(settings) -> None:
    assert tables(Published(), settings(data={"is_sample": True}), []) == []
    assert tables(Published(), settings(data={"name": "votes"}), []) == []
