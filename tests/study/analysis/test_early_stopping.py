from dataclasses import replace

import pytest
from scipy import stats

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.early_stopping import early_stopping, rank_correlation
from study.records.trial_record import Ending

QUARTERS = [3, 6, 9]  # of 12 epochs


def spared(record, stopped):
    """The trial as one that ASHA would have stopped."""
    return replace(record, status="pruned", ending=Ending("pruned", 12, "weak", 0.0, stopped))


def summary(settings, records, method="joint"):
    chosen = ChosenRuns(settings(), records)
    return next(one for one in early_stopping(chosen) if one.method == method)


def searched(synthetic, levels):
    study = synthetic()
    for level in levels:
        study.add("search", "joint", level)
    return study.records


def test_rungs_are_where_trials_were_stopped_and_the_quarters(synthetic, settings):
    study = synthetic().search("joint", 0.6)  # one of six stopped after 3 epochs, one diverged
    study.add("search", "diagnose_relearn", 0.5, status="pruned", ran=4)
    joint = summary(settings, study.records)
    assert [rung.epoch for rung in joint.rungs] == [3, 4, 6, 9]
    assert [rung.stopped for rung in joint.rungs] == [1, 0, 0, 0]
    assert {rung.ranked for rung in joint.rungs} == {4}
    assert (joint.trials, joint.stopped, joint.regrets) == (6, 1, ())
    assert joint.saved == pytest.approx((12 - 3) / (6 * 12))


def test_a_rungs_correlation_is_scipys_over_the_trials_whose_end_is_known(synthetic, settings):
    records = searched(synthetic, [0.3, 0.35, 0.31, 0.4, 0.38])
    records = [*records[:4], spared(records[4], 3), replace(records[0], status="running", number=9)]
    joint = summary(settings, records)
    for rung in joint.rungs:
        values = [[r.epochs[epoch]["best/accuracy"] for r in records[:5]] for epoch in (rung.epoch, 12)]
        assert rung.correlation == pytest.approx(stats.spearmanr(*values).statistic)
        assert rung.ranked == 5


def test_the_regret_of_spared_trials_is_against_the_incumbent_chosen_without_them(synthetic, settings):
    records = searched(synthetic, [0.5, 0.7, 0.4])
    records = [records[0], spared(records[1], 6), spared(records[2], 3)]
    joint = summary(settings, records)
    best = records[0].value
    assert joint.regrets == pytest.approx((records[1].value - best, records[2].value - best))
    assert joint.regrets[0] > 0 > joint.regrets[1]
    assert {rung.epoch: rung.stopped for rung in joint.rungs} == {3: 1, 6: 1, 9: 0}
    assert joint.saved == 0


def test_a_search_that_stopped_nobody_has_correlations_at_the_quarters(synthetic, settings):
    joint = summary(settings, searched(synthetic, [0.3, 0.4, 0.5]))
    assert [rung.epoch for rung in joint.rungs] == QUARTERS
    assert (joint.stopped, joint.saved) == (0, 0)


def test_without_trials_there_is_no_method_and_without_an_incumbent_no_regret(synthetic, settings):
    assert early_stopping(ChosenRuns(settings(), [])) == []
    (record,) = searched(synthetic, [0.5])
    assert summary(settings, [spared(record, 3)]).regrets == ()


@pytest.mark.parametrize("values", [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [2, 2, 2])])
def test_too_few_trials_or_none_that_differ_have_no_correlation(values):
    assert rank_correlation(*values) is None
