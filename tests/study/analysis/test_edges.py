"""Best values at an end of what was searched."""

from synthetic_studies import study_settings

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.edges import at_edges


def edges(synthetic, **config):
    study = synthetic()
    study.add("search", "boosting", 0.9, config=config)
    found = at_edges(ChosenRuns(study_settings(methods=["joint", "boosting"]), study.records))
    return {edge.key: edge.is_upper for edge in found}


def test_a_best_value_at_an_end_is_told_unless_nothing_lies_beyond(synthetic):
    assert edges(synthetic, sigma=1.5, tau=0.5) == {"sigma": True, "tau": True}
    assert edges(synthetic, sigma=1.0, tau=0.2) == {}
