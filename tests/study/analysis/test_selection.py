from study.analysis.selection import incumbent
from study.records.trial_record import Record


def test_incumbent_is_the_completed_trial_with_the_best_value(synthetic) -> None:
    study = synthetic()
    study.add("search", "joint", 0.5)
    best = study.add("search", "joint", 0.7)
    study.add("search", "joint", 0.9, status="pruned")
    study.add("search", "joint", 0.95, status="diverged")
    assert incumbent(study.records, "joint") is best


def test_ties_go_to_the_trial_proposed_first() -> None:
    records = [
        Record("search", "m", n, str(n), 0, "clean", {}, "completed", epochs={1: {"best/accuracy": value}})
        for n, value in enumerate((0.5, 0.7, 0.7))
    ]
    best = incumbent(records, "m")
    assert best is not None
    assert best.number == 1


def test_without_a_completed_trial_there_is_no_incumbent(synthetic) -> None:
    study = synthetic()
    study.add("search", "joint", 0.5, status="pruned")
    assert incumbent(study.records, "joint") is None


def test_confirm_and_sensitivity_trials_are_never_the_incumbent(synthetic) -> None:
    study = synthetic().search("joint", 0.5, 1)
    study.add("confirm", "joint", 0.9)
    best = incumbent(study.records, "joint")
    assert best is not None
    assert best.stage == "search"


def test_the_incumbent_of_finalists_is_the_one_with_the_best_mean_on_fresh_seeds(synthetic) -> None:
    study = synthetic()
    lucky = study.add("search", "joint", 0.9, config={"lr": 0.1})
    sound = study.add("search", "joint", 0.8, config={"lr": 0.2})
    for seed in (3000, 3001):
        study.add("finalists", "joint", 0.6, config={"lr": 0.1}, seed=seed)
        study.add("finalists", "joint", 0.7, config={"lr": 0.2}, seed=seed)
    assert incumbent([lucky, sound], "joint") is lucky
    assert incumbent(study.records, "joint") is sound


def test_a_finalist_that_lost_a_run_is_not_chosen_over_one_that_did_not(synthetic) -> None:
    study = synthetic()
    study.add("search", "joint", 0.9, config={"lr": 0.1})
    whole = study.add("search", "joint", 0.8, config={"lr": 0.2})
    for seed, status in ((3000, "completed"), (3001, "diverged")):
        study.add("finalists", "joint", 0.9, config={"lr": 0.1}, seed=seed, status=status)
        study.add("finalists", "joint", 0.6, config={"lr": 0.2}, seed=seed)
    assert incumbent(study.records, "joint") is whole
