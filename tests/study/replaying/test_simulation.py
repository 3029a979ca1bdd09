"""The simulated clock by hand, ASHA as Ray has it, and TPE as a study with a ledger has it."""

import itertools

import numpy as np
import pytest
from optuna.distributions import IntDistribution
from ray.tune.schedulers import AsyncHyperBandScheduler
from toy_study import EPOCHS

from study.records.trial_record import BEST_OBJECTIVE, Proposal
from study.replaying.curves import Curve, Curves
from study.replaying.searchers import RandomSearch, TPESearch
from study.replaying.simulation import Simulation, Step
from study.running.sampling import TrialSampler, asha
from study.running.stage_run import StagePlan, StageRun


class Listed:
    """Names curves in their order, and keeps what it is told."""

    def __init__(self, curves):
        self.curves, self.told = curves, []

    def begin(self, number):
        return self.curves.curves[number] if number < len(self.curves.curves) else None

    def report(self, number, epoch, value):
        self.told.append((number, epoch, value))

    def end(self, number, state):
        self.told.append((number, state.name))


def curves_of(*given, epochs=2):
    return Curves("toy", epochs, [Curve({}, *one) for one in given], {}, sign=1)


def random_curves(count, epochs, seed=0):
    """Noisy climbs, an epoch a second."""
    rng = np.random.default_rng(seed)
    ends = tuple(range(1, epochs + 1))
    climbs = np.maximum.accumulate(rng.random((count, 1)) + 0.3 * rng.random((count, epochs)), axis=1)
    return curves_of(*((ends, tuple(climb), ends) for climb in climbs.tolist()), epochs=epochs)


def test_two_workers_by_hand():
    """One worker has trial 0 until 5 and trial 3 until 9, the other 1 until 4, 2 until 5 and 4 until 12."""
    curves = curves_of(
        ((1, 2), (0.2, 0.5), (1.0, 5.0)),
        ((1, 2), (0.3, 0.4), (3.0, 4.0)),
        ((1,), (0.0,), (1.0,)),  # diverged after its first epoch
        ((1, 2), (0.6, 0.6), (2.0, 4.0)),
        ((1, 2), (0.1, 0.9), (6.0, 7.0)),
    )
    searcher = Listed(curves)
    study = Simulation(curves, searcher, None, trials=5).run(workers=2)
    assert [trial.begun for trial in study.trials] == [0, 0, 4, 5, 5]
    assert study.steps == [Step(4.0, 3, 0.4), Step(5.0, 4, 0.5), Step(9.0, 7, 0.6), Step(12.0, 9, 0.9)]
    assert (study.seconds, study.epochs) == (12.0, 9)
    order = [0, 1, 1, 1, 0, 0, 2, 2, 3, 3, 3, 4, 4, 4]
    assert [told[0] for told in searcher.told] == order
    assert searcher.told[2:4] == [(1, 2, 0.4), (1, "COMPLETE")]


def test_no_more_trials_than_asked_for_and_no_more_workers_than_trials():
    curves = random_curves(6, 3)
    study = Simulation(curves, Listed(curves), None, trials=4).run(workers=9)
    assert [(trial.number, trial.begun) for trial in study.trials] == [(n, 0.0) for n in range(4)]
    assert study.epochs == 12


def by_hand(curves, workers, **asha_options):
    """Trials in turns, an epoch of each, straight through Ray's own scheduler: number -> epochs trained."""
    scheduler = AsyncHyperBandScheduler(time_attr="t", metric="value", mode="max", brackets=1, **asha_options)

    class Stand:
        def __init__(self, number):
            self.trial_id, self.curve, self.epoch = f"trial {number}", curves.curves[number], 0
            self.number = number
            scheduler.on_trial_add(None, self)

    trained, waiting = {}, list(range(len(curves.curves)))
    working = [Stand(waiting.pop(0)) for _ in range(workers)]
    while working:
        for stand in list(working):
            stand.epoch += 1
            result = {"t": stand.epoch, "value": stand.curve.values[stand.epoch - 1]}
            decision = scheduler.on_trial_result(None, stand, result)
            if decision == "STOP":
                trained[stand.number] = stand.epoch
                working.remove(stand)
                if waiting:
                    working.append(Stand(waiting.pop(0)))
    return trained


@pytest.mark.parametrize("workers", [1, 3, 8])
@pytest.mark.parametrize(("grace", "reduction"), [(1, 2), (3, 3), (2, 4)])
def test_trials_are_stopped_where_rays_own_scheduler_stops_them(workers, grace, reduction):
    curves = random_curves(40, 20)
    study = Simulation(curves, Listed(curves), asha(20, grace, reduction), trials=40).run(workers)
    expected = by_hand(curves, workers, max_t=20, grace_period=grace, reduction_factor=reduction)
    assert {trial.number: trial.curve.epochs[trial.measured - 1] for trial in study.trials} == expected
    assert {t.number for t in study.trials if t.stopped} == {n for n, e in expected.items() if e < 20}
    assert study.epochs == sum(expected.values())


def grid():
    """A table of 9 x 8 points whose best lies inside, an epoch a second."""
    space = {"a": IntDistribution(0, 8), "b": IntDistribution(0, 7)}
    ends = tuple(range(1, EPOCHS + 1))
    points = [{"a": a, "b": b} for a in range(9) for b in range(8)]
    curves = [Curve(point, ends, tuple(value_at(point, epoch) for epoch in ends), ends) for point in points]
    return Curves("joint", EPOCHS, curves, space, sign=1)


def value_at(point, epoch):
    return 0.9 - 0.02 * (point["a"] - 2) ** 2 - 0.03 * abs(point["b"] - 3) + 0.01 * epoch


def studied(ledger, curves, trials, startup):
    """The same search by a study's own machinery, one trial at a time."""
    sampler = TrialSampler(ledger, "search", "joint", curves.space, startup)

    def propose(number, draw):
        params = sampler.draw(7, number, draw)
        return Proposal(params, seed=0, params=params, distributions=curves.space)

    plan = StagePlan("search", "joint", trials, propose)
    run = StageRun(ledger, lambda: [plan], {"joint": asha(EPOCHS, 2)}, lambda record: {}, lambda record: None)
    for number in itertools.count():
        if run.next(f"ray{number}") is None:
            break
        for epoch in range(1, EPOCHS + 1):
            record = ledger.get(run.assigned[f"ray{number}"])
            result = {"epoch": epoch, "metrics": {BEST_OBJECTIVE: value_at(record.config, epoch)}}
            if epoch == EPOCHS:
                result["status"] = "completed"
            if run.result(f"ray{number}", result) == "STOP":
                break
    return ledger.frozen("search", "joint")


@pytest.mark.parametrize("startup", [4, 10])
def test_a_simulated_search_is_the_search_of_a_study(open_toy, startup):
    curves = grid()
    search = TPESearch(curves, 7, startup)
    study = Simulation(curves, search, asha(EPOCHS, 2), trials=16).run(workers=1)
    simulated = search.trials.frozen("search", "joint")
    told = [
        [(trial.params, trial.state, trial.values, trial.intermediate_values) for trial in trials]
        for trials in (simulated, studied(open_toy(), curves, 16, startup))
    ]
    assert told[0] == told[1]
    assert [trial.curve.params for trial in study.trials] == [trial.params for trial in simulated]
    assert {trial.stopped for trial in study.trials} == {True, False}


@pytest.mark.parametrize("make", [RandomSearch, lambda curves, seed: TPESearch(curves, seed, 3)])
def test_a_seed_decides_everything(make):
    curves = grid()

    def outcome(seed):
        study = Simulation(curves, make(curves, seed), asha(EPOCHS, 1), trials=12).run(workers=3)
        return [(trial.curve, trial.measured, trial.begun) for trial in study.trials]

    assert outcome(1) == outcome(1)
    assert outcome(1) != outcome(2)


@pytest.mark.parametrize("make", [RandomSearch, lambda curves, seed: TPESearch(curves, seed, 9)])
def test_no_configuration_is_tried_twice_and_a_search_ends_with_its_space(make):
    curves = grid()
    few = Curves("few", EPOCHS, curves.curves[::10], curves.space, sign=1)
    study = Simulation(few, make(few, 0), None, trials=30).run(workers=2)
    tried = [tuple(trial.curve.params.values()) for trial in study.trials]
    assert sorted(tried) == sorted(tuple(curve.params.values()) for curve in few.curves)


def test_a_search_that_named_nothing_more_is_not_asked_again():
    class Counted(Listed):
        asked = 0

        def begin(self, number):
            self.asked += 1
            return super().begin(number)

    curves = random_curves(2, 3)
    searcher = Counted(curves)
    Simulation(curves, searcher, None, trials=9).run(workers=3)
    assert searcher.asked == 3  # not when a worker becomes free later


def test_a_draw_beside_the_recorded_points_is_the_nearest():
    curves = grid()
    corner, middle = (
        next(c for c in curves.curves if c.params == p) for p in ({"a": 0, "b": 0}, {"a": 3, "b": 2})
    )
    search = TPESearch(Curves("two", EPOCHS, [corner, middle], curves.space, sign=1), 0, 3)
    assert [search._nearest({"a": 1, "b": 0}), search._nearest({"a": 2, "b": 1})] == [0, 1]
