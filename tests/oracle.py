"""What must hold of a study after faults: I1 to I8, checked against the same study left alone.

An invariant is a function of the evidence that returns a sentence for each violation. The evidence is read
from outside: the ledger's trials, MLflow's tables as SQLite holds them, the epochs that processes noted as
they began them (`counted_run`), files, and processes. Trials must run one at a time: their order, and with it
ASHA's and TPE's decisions, are then certain.
"""

import hashlib
import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil

from study.records.ledger import Ledger
from study.records.mlflow_tracking import STATUS
from study.running.trial_files import trial_folder

TAKES_TIME = {"seconds"}  # metrics that no two runs share
LOST = 60.0  # seconds of work that a fault may cost a trial where an epoch is shorter


@dataclass(frozen=True)
class Outcome:
    """What a study came to."""

    records: dict  # key -> record of the ledger
    twice: list  # keys of trials that the ledger holds more than once
    begun: list  # (key, epoch, unix seconds) of each epoch that a process began
    runs: dict  # key -> [(run id, status)] of MLflow
    parents: list  # statuses of MLflow's runs of the study itself
    history: dict  # run id -> {metric: [steps in the order in which they came]}
    weights: dict  # file of published weights -> its digest
    left: list  # files and processes that should be gone


@dataclass(frozen=True)
class Evidence:
    """A study after faults, and what is known of them."""

    calm: Outcome
    now: Outcome
    code: int  # of the last start
    faults: Counter  # key of a trial -> how many faults hit it


def outcome(folder, url, trace, processes=()):
    """Read what a study that has ended came to; `processes` are all that its drivers started."""
    with closing(Ledger(url, folder.name)) as ledger:
        records = ledger.records()
    folders = {str(trial_folder(folder, record)): record.key for record in records}
    runs, parents, history = _mlflow(folder.parent / "mlflow.db", folder.name)
    return Outcome(
        records={record.key: record for record in records},
        twice=[key for key, count in Counter(record.key for record in records).items() if count > 1],
        begun=[(folders[line["trial"]], line["epoch"], line["time"]) for line in _lines(trace)],
        runs=runs,
        parents=parents,
        history=history,
        weights={
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.glob("best/*/model.safetensors"))
        },
        left=[*_files_left(folder), *(_called(process) for process in processes if alive(process))],
    )


def _lines(trace):
    return [json.loads(line) for line in Path(trace).read_text().splitlines()]


def _mlflow(database, name):
    """Runs by trial, statuses of the study's own runs, and steps of each metric, from the tables."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as tables:
        experiment = "(select experiment_id from experiments where name = ?)"
        shown = f"experiment_id = {experiment} and lifecycle_stage = 'active'"
        found = tables.execute(f"select run_uuid, status from runs where {shown}", [name])
        statuses = dict(found.fetchall())
        tags = dict(tables.execute("select run_uuid, value from tags where key = 'study.trial'").fetchall())
        points = tables.execute("select run_uuid, key, step from metrics order by rowid").fetchall()
    runs, history = {}, {}
    for run in statuses.keys() & tags.keys():
        runs.setdefault(tags[run], []).append((run, statuses[run]))
    for run, metric, step in points:
        history.setdefault(run, {}).setdefault(metric, []).append(step)
    return runs, [statuses[run] for run in statuses.keys() - tags.keys()], history


def _files_left(folder):
    """What belongs to runs alone: checkpoints, Ray's files, half-written files, and Ray's shared memory."""
    names = [".ray", ".nodes", "checkpoints"]
    return [str(folder / name) for name in names if (folder / name).exists()] + [
        str(path) for path in folder.rglob("*.tmp*")
    ]


def alive(process):
    """Whether a process runs; one that has ended and only waits for its parent, or for init, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _called(process):
    try:
        return f"process {process.pid}, {' '.join(process.cmdline())[:80]}"
    except psutil.NoSuchProcess:
        return f"process {process.pid}"


# -- invariants --------------------------------------------------------------------------------------------


def same_trials(seen):
    """I1: the trials are those of the study left alone, and none is there twice."""
    calm, now = seen.calm.records.keys(), seen.now.records.keys()
    yield from (f"trial {key[:8]} is there twice" for key in seen.now.twice)
    yield from (f"trial {key[:8]} is missing" for key in calm - now)
    yield from (f"trial {key[:8]} is not one of the study left alone" for key in now - calm)


def no_step_too_many(seen):
    """I2: no epoch begins after its trial's end, nor more often than once and once for each fault."""
    for (key, epoch), times in Counter((key, epoch) for key, epoch, _ in seen.now.begun).items():
        allowed = 1 + seen.faults[key]
        if times > allowed:
            yield f"epoch {epoch} of {key[:8]} began {times} times, and {allowed - 1} faults hit it"
    for key, epoch, time in seen.now.begun:
        record = seen.now.records[key]
        if record.finished and record.ending and time > record.ending.time:
            yield f"epoch {epoch} of {key[:8]} began {time - record.ending.time:.1f} s after the trial's end"


def each_step_once(seen):
    """I3: ledger and MLflow hold each epoch of each trial's metrics once, in order."""
    for key, record in seen.now.records.items():
        if list(record.epochs) != list(range(1, len(record.epochs) + 1)):
            yield f"the ledger has epochs {list(record.epochs)} of {key[:8]}"
        for run, _ in seen.now.runs.get(key, []):
            shown = seen.now.history.get(run, {})
            for metric, steps in shown.items():
                if steps != sorted(set(steps)):
                    yield f"MLflow has steps {steps} of {metric} of {key[:8]}"
            if shown.get("best/accuracy", []) != list(record.epochs):
                yield f"MLflow has steps {shown.get('best/accuracy')} of {key[:8]}, not {list(record.epochs)}"


def one_run_a_trial(seen):
    """I4: one MLflow run a trial and one for the study, with the status that the ledger has."""
    if len(seen.now.parents) != 1 or "RUNNING" in seen.now.parents:
        yield f"MLflow has runs of the study itself: {seen.now.parents}"
    for key, record in seen.now.records.items():
        statuses = [status for _, status in seen.now.runs.get(key, [])]
        if statuses != [STATUS[record.status]]:
            yield f"MLflow has {statuses} of {key[:8]}, which is {record.status}"
    yield from (
        f"MLflow has a run of {key[:8]}, which is no trial" for key in seen.now.runs.keys() - seen.now.records
    )


def same_results(seen):
    """I5: every trial has the metrics, and every method the weights, of the study left alone."""
    for key in seen.calm.records.keys() & seen.now.records.keys():
        calm, now = (_values(outcome.records[key]) for outcome in (seen.calm, seen.now))
        if calm != now:
            yield f"{key[:8]} came to other results: {_first_difference(calm, now)}"
    if seen.calm.weights != seen.now.weights:
        yield "published weights differ"


def _values(record):
    kept = {
        (epoch, metric): value
        for epoch, metrics in record.epochs.items()
        for metric, value in metrics.items()
        if metric not in TAKES_TIME
    }
    return {**kept, (0, "status"): record.status}


def _first_difference(calm, now):
    name = min(name for name in calm.keys() | now.keys() if calm.get(name) != now.get(name))
    return f"{name} is {now.get(name)}, not {calm.get(name)}"


def little_work_lost(seen):
    """I6: a fault costs a trial at most one epoch, or 60 s of its work."""
    for key, record in seen.now.records.items():
        counted = Counter(epoch for trial, epoch, _ in seen.now.begun if trial == key)
        repeated = {epoch: times - 1 for epoch, times in counted.items() if times > 1}
        faults = seen.faults[key]
        lost = sum(
            times * record.epochs.get(epoch, {}).get("seconds", 0) for epoch, times in repeated.items()
        )
        if sum(repeated.values()) > faults and lost > LOST * faults:
            yield f"{key[:8]} lost {sum(repeated.values())} epochs, {lost:.0f} s, by {faults} faults"


def nothing_left(seen):
    """I7: no process and no temporary file stays behind."""
    return (f"{left} is left" for left in seen.now.left)


def honest_code(seen):
    """I8: the exit code is 0 only where every trial that was asked for has its result."""
    short = seen.calm.records.keys() - seen.now.records.keys()
    failed = [key for key, record in seen.now.records.items() if record.status in ("failed", "running")]
    if (seen.code == 0) != (not short and not failed):
        yield f"exit code {seen.code} with {len(short)} trials missing and {len(failed)} failed"


INVARIANTS = {
    "I1": same_trials,
    "I2": no_step_too_many,
    "I3": each_step_once,
    "I4": one_run_a_trial,
    "I5": same_results,
    "I6": little_work_lost,
    "I7": nothing_left,
    "I8": honest_code,
}


def violations(seen):
    """All that is violated: sentences by invariant."""
    found = {name: list(invariant(seen)) for name, invariant in INVARIANTS.items()}
    return {name: sentences for name, sentences in found.items() if sentences}
