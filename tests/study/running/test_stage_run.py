"""The stage between Ray and the ledger: whatever kills the driver, the same study comes out."""

import itertools
import shutil
from dataclasses import replace
from functools import partial

import pytest
import toy_study
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial
from ray import tune
from toy_study import EPOCHS, SPACE, TOY, plan, report, stage_run, value_at, work, work_all

from search_spaces.space import SearchSpace
from study.analysis.selection import incumbent
from study.methods import STUDY_METHODS, StudyMethod
from study.records.database import sqlite_url
from study.records.ledger import Ledger
from study.records.trial_record import Ending, Proposal
from study.running.stage_run import StagePlan, StageRun
from study.running.stages import _listed, surface
from trainables.multimodal.methods import METHODS

KILLS = 15
"""At least so many drivers are killed on the way to the end of a study."""


class Killed(BaseException):
    """The driver is gone."""


def outcome(ledger):
    """Everything a study decides: which trials, how they ended, and every value."""
    return {
        record.key: (record.method, record.number, record.status, record.epochs)
        for record in ledger.records()
    }


@pytest.fixture(scope="module")
def uninterrupted(begun, tmp_path_factory):
    """What a study comes to when nobody disturbs it."""
    path = shutil.copy(begun, tmp_path_factory.mktemp("calm"))
    ledger = Ledger(sqlite_url(path), "toy")
    work_all(stage_run(ledger))
    ledger.close()
    return outcome(ledger)


def kill_after(monkeypatch, writes):
    """Let a number of writes to the ledger through, then kill in place of the next."""
    left = [writes]

    def killing(real):
        def counted(self, *args, **kwargs):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return real(self, *args, **kwargs)

        return counted

    for name in (
        "create_new_trial",
        "set_trial_user_attr",
        "set_trial_intermediate_value",
        "set_trial_state_values",
    ):
        monkeypatch.setattr(RDBStorage, name, killing(getattr(RDBStorage, name)))


def test_every_trial_asked_for_begins_and_ends(uninterrupted):
    statuses = [status for _, _, status, _ in uninterrupted.values()]
    assert len(statuses) == 12
    assert set(statuses) == {"completed", "pruned"}


def is_killed(begin, ledger, monkeypatch, writes):
    """Whether a driver is killed after so many writes, before the stage has ended."""
    with monkeypatch.context() as patch:
        kill_after(patch, writes)
        try:
            work_all(begin(ledger))
        except Killed:
            return True
    return False


def end_killed(open_ledger, monkeypatch, begin=stage_run):
    """Work to the end by many drivers, each killed after one write more than the last; returns the ledger."""
    drivers = (is_killed(begin, open_ledger(), monkeypatch, writes) for writes in itertools.count())
    assert sum(itertools.takewhile(bool, drivers)) > KILLS
    return open_ledger()


def test_a_study_killed_after_any_write_comes_to_the_same_end(open_toy, uninterrupted, monkeypatch):
    assert outcome(end_killed(open_toy, monkeypatch)) == uninterrupted


def rungs(run):
    """What ASHA holds of every method, after its count of stopped trials."""
    return [pruner.debug_string().partition("\n")[2] for pruner in run.pruners.values()]


def test_asha_sees_the_value_on_which_a_killed_driver_had_decided(open_toy, tmp_path, monkeypatch, begun):
    calm = stage_run(Ledger(sqlite_url(shutil.copy(begun, tmp_path / "calm.db")), "toy"))
    work_all(calm)
    calm.ledger.close()
    ledger = open_toy()

    def killed_once_decided(key, epoch, metrics):
        if ledger.get(key).ending and ledger.get(key).ending.status == "pruned":
            raise Killed
        Ledger.add_epoch(ledger, key, epoch, metrics)

    monkeypatch.setattr(ledger, "add_epoch", killed_once_decided)
    with pytest.raises(Killed):
        work_all(stage_run(ledger))
    again = stage_run(open_toy())
    work_all(again)
    assert rungs(again) == rungs(calm)


def test_a_decision_that_was_written_stays(open_toy):
    run = stage_run(open_toy())
    run.next("ray")
    run.ledger.set_ending(run.assigned["ray"], Ending("pruned", 1))  # and the driver was killed
    assert run.result("ray", {"epoch": 1, "metrics": {"best/accuracy": 0.9}}) == "STOP"
    assert run.ledger.get(run.assigned["ray"]).status == "pruned"


def crossing(config, epoch):
    """Curves whose order turns round: what ASHA stops would have been the best."""
    return 0.5 + 0.1 * (value_at(config, 0) - 0.5) * (1 if epoch < 6 else -1) + 0.01 * epoch


def searched(ledger, spare):
    """A search with crossing curves, one trial at a time, by number."""
    work_all(stage_run(ledger, ("joint",), count=16, spare=spare))
    return ledger.records("search", "joint")


@pytest.fixture(scope="module")
def spared_and_not(begun, tmp_path_factory):
    """The trials of the same search with every stopped trial spared, and with none; the former's ledger."""
    folder = tmp_path_factory.mktemp("spared")
    spared, plain = (
        Ledger(sqlite_url(shutil.copy(begun, folder / name)), "toy") for name in ("spared.db", "plain.db")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy_study, "value_at", crossing)
        yield searched(spared, 1.0), searched(plain, 0.0), spared
    spared.close()
    plain.close()


def test_spared_trials_run_to_their_end_and_change_nothing_else(spared_and_not):
    spared, plain, _ = spared_and_not
    assert [r.key for r in spared] == [r.key for r in plain]  # TPE drew the same
    assert [r.status for r in spared] == [r.status for r in plain]  # ASHA decided the same
    for one, other in zip(spared, plain, strict=True):
        assert one.spared == (other.status == "pruned")
        assert max(one.epochs) == EPOCHS
        assert {n: m for n, m in one.epochs.items() if one.counts(n)} == other.epochs


def test_a_spared_trial_is_never_the_incumbent(spared_and_not):
    spared, plain, _ = spared_and_not
    best = incumbent(spared, "joint")
    assert best.number == incumbent(plain, "joint").number
    assert max(record.value for record in spared if record.spared) > best.value


def test_optuna_is_told_of_a_spared_trial_what_it_would_have_been_told(spared_and_not):
    _, plain, ledger = spared_and_not
    trials = ledger.frozen("search", "joint")
    assert [list(t.intermediate_values) for t in trials] == [list(record.epochs) for record in plain]
    assert {t.state for t in trials} == {TrialState.COMPLETE, TrialState.PRUNED}


def test_a_share_of_the_stopped_trials_is_spared(open_toy):
    run = stage_run(open_toy(), ("joint",), count=20, spare=0.5)
    work_all(run)
    pruned = [record for record in run.ledger.records() if record.status == "pruned"]
    share = sum(record.spared for record in pruned) / len(pruned)
    assert 0 < share < 1
    assert {max(r.epochs) == EPOCHS for r in pruned if r.spared} == {True}
    assert all(max(r.epochs) < EPOCHS for r in pruned if not r.spared)


def test_a_study_that_spares_is_killed_after_any_write_and_comes_to_the_same_end(
    open_toy, tmp_path, begun, monkeypatch
):
    calm = Ledger(sqlite_url(shutil.copy(begun, tmp_path / "calm.db")), "toy")
    work_all(stage_run(calm, spare=1.0))
    calm.close()
    ledger = end_killed(open_toy, monkeypatch, partial(stage_run, spare=1.0))
    assert outcome(ledger) == outcome(calm)
    assert any(record.spared for record in ledger.records())


SWIFT = SearchSpace(
    lambda: {"lr": tune.loguniform(1e-3, 1e-1), "depth": tune.randint(1, 4)}, {}, lambda: {"lr": 0.01}
)
MAPPED = replace(
    TOY,
    budget=replace(TOY.budget, points=8),
    table={**STUDY_METHODS, "other": StudyMethod(METHODS["joint"], SWIFT, "Other")},
)


def mapping(ledger, settings=MAPPED):
    """A stage that maps a surface."""
    planned = partial(surface, settings, ledger, "other")
    return StageRun(ledger, lambda: [planned()], {}, lambda record: {}, lambda record: None)


def test_a_surface_killed_after_any_write_comes_to_the_same_end_and_grows(
    open_toy, tmp_path, begun, monkeypatch
):
    calm = Ledger(sqlite_url(shutil.copy(begun, tmp_path / "calm.db")), "toy")
    work_all(mapping(calm))
    calm.close()
    ledger = end_killed(open_toy, monkeypatch, mapping)
    assert outcome(ledger) == outcome(calm)
    assert len(outcome(calm)) == 8
    work_all(mapping(ledger, replace(MAPPED, budget=replace(MAPPED.budget, points=10))))
    assert len(outcome(ledger)) == 10
    assert outcome(ledger).items() >= outcome(calm).items()


@pytest.mark.parametrize("end", ["diverged", "failed"])
def test_a_spared_trial_that_cannot_go_on_stays_a_stopped_one(open_toy, end):
    run = stage_run(open_toy(), ("joint",), spare=1.0)
    for number in range(6):
        run.next(f"ray{number}")
        value = 0.9 - 0.1 * number
        run.result(f"ray{number}", {"epoch": 1, "metrics": {"best/accuracy": value}})
    record = run.ledger.get(run.assigned["ray5"])
    assert record.spared
    if end == "diverged":
        verdict = {"status": "diverged", "reason": "loss is nan"}
        assert run.result("ray5", {"epoch": 2, "metrics": {"best/accuracy": 0.0}, **verdict}) == "STOP"
    else:
        run.fail("ray5", "RuntimeError: no")
    record = run.ledger.get(record.key)
    assert (record.status, record.reason) == ("pruned", "below the best half at epoch 1, spared")


def test_a_finished_trial_is_not_handed_out_again(open_toy):
    ledger = open_toy()
    run = stage_run(ledger, count=1)
    work_all(run)
    assert stage_run(open_toy(), count=1).next("ray") is None


def test_an_unfinished_trial_comes_before_a_new_one(open_toy):
    first = stage_run(open_toy())
    first.next("ray0")
    second = stage_run(open_toy())
    second.next("ray1")
    assert second.assigned["ray1"] == first.assigned["ray0"]


def test_methods_advance_together(open_toy):
    run = stage_run(open_toy(), count=2)
    for name in "abcd":
        run.next(name)
    assert [r.method for r in run.ledger.records()] == ["joint", "other", "joint", "other"]


def test_a_stage_begins_where_the_one_before_has_nothing_left_to_begin(open_toy):
    ledger = open_toy()

    def listed(stage: str, method: str, count: int) -> StagePlan:
        return StagePlan(stage, method, count, lambda number, draw: Proposal({"lr": float(number)}, seed=0))

    plans = [listed("confirm", "joint", 1), listed("confirm", "other", 1), listed("sensitivity", "joint", 3)]
    run = StageRun(ledger, lambda: plans, {}, lambda record: {}, lambda record: None)
    begun = [ledger.get(run.assigned[name]).stage for name in "abcde" if run.next(name) is not None]
    assert begun == ["confirm"] * 2 + ["sensitivity"] * 3


def test_stages_that_run_together_go_on_together(open_toy):
    """Trials of both stages are under way when the study is killed, and the search has grown meanwhile."""

    def started(lr: float) -> StageRun:
        ledger = open_toy()
        plans = [
            _listed(
                stage,
                "joint",
                [Proposal({"lr": lr, "depth": 1, "epochs": EPOCHS}, seed) for seed in range(2)],
                ledger,
            )
            for stage in ("confirm", "sensitivity")
        ]
        return StageRun(ledger, lambda: plans, {}, lambda record: {}, lambda record: None)

    before = started(0.1)
    assert all(before.next(name) is not None for name in "abc")  # both confirm trials, one of sensitivity
    after = started(0.2)
    work_all(after)
    records = after.ledger.records()
    assert all(record.status == "completed" for record in records)
    assert [r.config["lr"] for r in after.ledger.records("confirm")] == [0.1, 0.1, 0.2, 0.2]
    assert [r.config["lr"] for r in after.ledger.records("sensitivity")] == [0.1, 0.2, 0.2]
    assert len({record.key for record in records}) == len(records)


def test_a_repeated_proposal_is_drawn_again(open_toy):
    ledger = open_toy()
    real = plan(ledger, "joint", 2)
    repeats = StagePlan(
        "search", "joint", 2, lambda number, draw: real.propose(0 if draw == 0 else draw, draw)
    )
    run = StageRun(ledger, lambda: [repeats], {}, lambda record: {}, lambda record: None)
    work_all(run)
    assert len(ledger.records()) == 2


def test_an_exhausted_space_ends_the_search(open_toy):
    ledger = open_toy()
    real = plan(ledger, "joint", 3)
    fixed = StagePlan(
        "search", "joint", 3, lambda number, draw: real.propose(0, 0) if number + draw == 0 else None
    )

    def asked() -> list[StagePlan]:
        return [] if "joint" in ledger.settings.exhausted else [fixed]

    run = StageRun(ledger, asked, {}, lambda record: {}, lambda record: None)
    work_all(run)
    assert len(ledger.records()) == 1
    assert not run.due
    assert open_toy().settings.exhausted == ("joint",)  # the next start draws no further


def test_what_follows_is_asked_for_when_a_stage_has_ended(open_toy):
    ledger = open_toy()

    def listed(stage: str) -> StagePlan:
        return StagePlan(
            stage,
            "joint",
            2,
            lambda number, draw: Proposal({"depth": 1, "lr": 0.1, "epochs": EPOCHS}, number),
        )

    def end(run: StageRun, name: str) -> None:
        assert [report(run, name, epoch) for epoch in range(1, EPOCHS + 1)][-1] is False

    def asked() -> list[StagePlan]:
        begun = ledger.records("search")
        return [listed("search"), *([listed("confirm")] if sum(one.finished for one in begun) == 2 else [])]

    run = StageRun(ledger, asked, {}, lambda record: {}, lambda record: None)
    assert run.next("a") is not None
    assert run.next("b") is not None
    assert run.next("c") is None
    assert run.waits  # Ray is to ask again
    end(run, "a")
    assert run.next("c") is None
    end(run, "b")
    assert run.next("c") is not None
    assert ledger.get(run.assigned["c"]).stage == "confirm"
    assert work(run, "d")
    end(run, "c")
    assert not run.waits


def test_a_plan_may_begin_with_fewer_trials_than_it_has(open_toy):
    ledger = open_toy()
    few = replace(plan(ledger, "joint", 3), free=1)
    run = StageRun(ledger, lambda: [few], {}, lambda record: {}, lambda record: None)
    assert [run.next(name) is not None for name in "ab"] == [True, False]


def test_a_late_result_of_a_finished_trial_ends_it_again_and_is_not_written(open_toy):
    run = stage_run(open_toy())
    given = run.next("ray")
    run.fail("ray", "it stood still")
    assert run.result("ray", {"epoch": 1, "metrics/best/accuracy": 0.5}) == "STOP"
    record = run.ledger.get(given["key"])
    assert (record.status, record.epochs) == ("failed", {})


def test_a_replayed_epoch_is_written_once(open_toy):
    run = stage_run(open_toy())
    run.next("ray")
    result = {"epoch": 1, "metrics": {"best/accuracy": 0.5}}
    run.result("ray", result)
    run.result("ray", result | {"metrics": {"best/accuracy": 0.9}})
    assert run.ledger.get(run.assigned["ray"]).epochs == {1: {"best/accuracy": 0.5}}


def test_a_diverged_trial_ends_with_its_reason_and_is_never_best(open_toy):
    run = stage_run(open_toy())
    run.next("ray")
    verdict = {"status": "diverged", "reason": "loss is nan", "metrics": {"best/accuracy": 0.0}}
    assert run.result("ray", {"epoch": 1, **verdict}) == "STOP"
    record = run.ledger.get(run.assigned["ray"])
    assert (record.status, record.reason, record.value) == ("diverged", "loss is nan", 0.0)


def test_a_trial_that_ray_gave_up_is_failed_with_its_reason(open_toy):
    run = stage_run(open_toy())
    run.next("ray")
    run.fail("ray", "RuntimeError: no")
    record = run.ledger.get(run.assigned["ray"])
    assert (record.status, record.reason) == ("failed", "RuntimeError: no")


def test_a_method_without_pruner_runs_to_its_end(open_toy):
    ledger = open_toy()
    plans = [plan(ledger, "joint", 6)]
    run = StageRun(ledger, lambda: plans, {}, lambda record: {}, lambda record: None)
    work_all(run)
    assert {len(record.epochs) for record in ledger.records()} == {EPOCHS}


@pytest.mark.parametrize(
    "reason", ["OSError: [Errno 28] No space left on device", "InputError: there is no store at data/x"]
)
def test_a_fault_of_the_surroundings_costs_no_trial_its_place(open_toy, reason):
    run = stage_run(open_toy())
    run.next("ray0")
    run.fail("ray0", reason)
    assert run.halted == reason
    assert run.next("ray1") is None
    assert stage_run(open_toy()).next("ray2") == {"key": run.assigned["ray0"]}


def test_a_retried_trial_that_ends_before_it_caught_up_is_closed(open_toy):
    run = stage_run(open_toy())
    run.next("ray")
    for epoch in (1, 2):
        run.result("ray", {"epoch": epoch, "metrics": {"best/accuracy": 0.5}})
    ending = {"status": "failed", "reason": "out of memory"}
    assert run.result("ray", {"epoch": 1, **ending}) == "STOP"
    record = run.ledger.get(run.assigned["ray"])
    assert (record.status, len(record.epochs)) == ("failed", 2)


def test_a_trial_that_fails_by_what_it_reports_has_no_epoch_of_it(open_toy):
    run = stage_run(open_toy())
    run.next("ray")
    report(run, "ray", 1)
    assert run.result("ray", {"epoch": 2, "status": "failed", "reason": "out of memory"}) == "STOP"
    record = run.ledger.get(run.assigned["ray"])
    assert (record.status, list(record.epochs)) == ("failed", [1])


NO_ROOM = {"status": "crowded", "reason": "out of memory on a shared GPU (no)", "done": True}


def crowded(run, name, epoch=1):
    """Tell that one of Ray's trials found no memory in an epoch."""
    assert run.result(name, {"epoch": epoch, **NO_ROOM}) == "STOP"
    return run.assigned[name]


def test_a_trial_that_needs_a_gpu_alone_goes_on_when_no_other_is_due(open_toy, capsys):
    ledger = open_toy()
    run = stage_run(ledger, count=2)
    assert run.next("a") is not None
    report(run, "a", 1)
    key = crowded(run, "a", 2)
    assert (
        "search joint #0: out of memory on a shared GPU (no), so it goes on later" in capsys.readouterr().err
    )
    record = ledger.get(key)
    assert (record.alone, record.finished, list(record.epochs)) == (True, False, [1])
    others = [run.next(name)["key"] for name in "bcd"]
    assert key not in others
    assert run.due
    assert run.next("e") == {"key": key}
    assert not run.due


def test_nothing_is_handed_out_before_a_trial_that_waits_for_a_whole_gpu(open_toy):
    run = stage_run(open_toy(), methods=("joint",), count=2)
    for name in "ab":
        run.next(name)
        crowded(run, name)
    assert run.next("c") == {"key": run.assigned["a"]}
    assert run.next("d") is None
    assert run.waits
    report(run, "c", 1)
    assert run.next("d") == {"key": run.assigned["b"]}
    run.fail("d", "RuntimeError: no")
    assert run.next("e") is None
    for epoch in range(2, EPOCHS + 1):
        report(run, "c", epoch)
    assert not run.waits
    assert {record.status for record in run.ledger.records()} == {"completed", "failed"}


def test_the_next_start_knows_which_trials_need_a_gpu_alone(open_toy):
    first = stage_run(open_toy(), methods=("joint",), count=3)
    for name in "ab":
        first.next(name)
    crowded(first, "a")
    second = stage_run(open_toy(), methods=("joint",), count=3)
    assert second.next("c") == {"key": first.assigned["b"]}
    assert second.next("d")["key"] not in first.assigned.values()
    assert second.next("e") == {"key": first.assigned["a"]}
    assert second.ledger.get(first.assigned["a"]).alone


class CountedLedger(Ledger):
    """Counts the trials that somebody looks at, of its own and of Optuna's."""

    visited = 0

    def records(self, stage=None, method=None):
        records = super().records(stage, method)
        self.visited += len(records)
        return records

    def frozen(self, stage, method, start=0):
        trials = super().frozen(stage, method, start)
        self.visited += len(trials)
        return trials

    def get(self, key):
        self.visited += 1
        return super().get(key)


def ended(number):
    """A trial that ran to its end in an earlier start, as the ledger keeps it."""
    params = {"lr": 0.001 + number * 1e-4, "depth": 1 + number % 3}
    attributes = {
        "key": f"key {number}",
        "seed": 0,
        "protocol": "clean",
        "config": params,
        "started": float(number),
        "ending": {"status": "completed", "epoch": 1},
        "epoch/1": {"time": 1.0, "metrics": {"best/accuracy": 0.5}},
    }
    trial = create_trial(
        state=TrialState.COMPLETE, value=0.5, params=params, distributions=SPACE, user_attrs=attributes
    )
    trial.number = number
    return trial


def visits(path, earlier, monkeypatch):
    """How many trials are looked at while four begin and end after so many earlier ones."""
    trials = [ended(number) for number in range(earlier)]
    monkeypatch.setattr(RDBStorage, "get_all_trials", lambda self, study_id: trials)  # writing them is slow
    ledger = CountedLedger(sqlite_url(path), "toy")
    plans = [plan(ledger, "joint", earlier + 5)]
    run = StageRun(ledger, lambda: plans, {}, lambda record: {}, lambda record: None)
    work(run, "ray")  # the first draw takes up what earlier starts have left
    ledger.visited = 0
    for ask in range(4):
        assert work(run, f"ray{ask}")
    visited = ledger.visited
    assert len(ledger.records()) == earlier + 5
    ledger.close()
    return visited


def test_an_ask_looks_at_no_more_trials_where_many_have_ended(begun, tmp_path, monkeypatch):
    few, many = (visits(shutil.copy(begun, tmp_path / f"{n}.db"), n, monkeypatch) for n in (50, 500))
    assert few == many
