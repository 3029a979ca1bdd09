"""Synthetic trials: records as a ledger would give them, with known effects and known noise."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from study.records.trial_record import Record
from trainables.multimodal.evaluation import NOISE_LEVELS

EPOCHS = 12


def metrics(
    epoch: int, level: float, modalities: Sequence[str], rng: np.random.Generator
) -> dict[str, float]:
    """One epoch of a run that climbs to `level`."""
    reached = level * (1 - math.exp(-epoch / 3)) + 0.01 * float(rng.normal())
    found = {"epoch": float(epoch), "seconds": 1.5, "lr": 0.002, "train/loss": 2 / epoch}
    found |= {"validation/accuracy": reached, "validation/macro_f1": reached - 0.02}
    for place, modality in enumerate(modalities):
        found[f"validation/{modality}/accuracy"] = reached * 0.8**place
    return found


def curve(
    epochs: int, level: float, modalities: Sequence[str], rng: np.random.Generator
) -> dict[int, dict[str, float]]:
    """All epochs of a run, with the running best."""
    run: dict[int, dict[str, float]] = {}
    best = {"best/accuracy": 0.0, "best/macro_f1": 0.0, "best/epoch": 1.0}
    for epoch in range(1, epochs + 1):
        now = metrics(epoch, level, modalities, rng)
        if now["validation/accuracy"] > best["best/accuracy"]:
            best = {
                "best/accuracy": now["validation/accuracy"],
                "best/macro_f1": now["validation/macro_f1"],
                "best/epoch": float(epoch),
            }
        run[epoch] = now | best
    return run


def diagnose(run: dict[int, dict[str, float]], modalities: Sequence[str], every: int | None) -> None:
    """Add purity to every epoch and strengths to the re-learning moments."""
    since = 0  # epochs since the last re-learning
    for epoch, found in run.items():
        since = 0 if every and epoch > 2 and (epoch - 2) % every == 0 else since
        since += 1
        for place, modality in enumerate(modalities):
            gap = 0.3 / (place + 1) * (1 - math.exp(-since / 4))
            found |= {f"purity/{modality}/train": 0.5 + gap, f"purity/{modality}/validation": 0.5}
            found |= {f"purity/{modality}/gap": gap, f"purity/{modality}/noise_floor": 0.08}
            found |= {f"purity/{modality}/train_size_matched": 0.5 + gap / 2}
            found |= {f"purity/{modality}/gap_size_matched": gap / 2}
            found |= {f"purity/{modality}/noise_floor_size_matched": 0.03}
            if len(modalities) > 1:
                found[f"validation/{modality}/contribution"] = found["validation/accuracy"] / 2 ** (place + 1)
            if every and epoch > 1 and (epoch - 1) % every == 0:
                found[f"relearning/{modality}/strength"] = math.tanh(3 * gap)


def boost(run: dict[int, dict[str, float]], modalities: Sequence[str], period: int, most: int) -> None:
    """Add heads, which the last modality gets every `period` epochs, their accuracies and the gap."""
    for epoch, found in run.items():
        heads = min(most, 1 + (epoch - 1) // period)
        for place, modality in enumerate(modalities):
            weak, reached = place == len(modalities) - 1, found["validation/accuracy"]
            own = {"heads": heads if weak else 1, "score": 0.5 - 0.1 * place, "accuracy": 0.9 * reached}
            if own["heads"] > 1:
                own["accuracy_earlier"] = 0.9 * reached - 0.02 - 0.01 * math.sin(900 * reached)
            found |= {f"boosting/{modality}/{name}": float(value) for name, value in own.items()}
            found[f"train/{modality}/loss"] = 2 / epoch + 0.3 * place
        found["boosting/gap"] = 0.3 * (len(modalities) - 1) + reached / epoch


def finish(run: dict[int, dict[str, float]], modalities: Sequence[str], shift: float = -0.01) -> None:
    """Add the test metrics of the best weights to the last epoch."""
    last = run[max(run)]
    last |= {"test/accuracy": last["best/accuracy"] + shift, "test/macro_f1": last["best/macro_f1"] + shift}
    last |= {f"test/{m}/accuracy": last[f"validation/{m}/accuracy"] for m in modalities}
    if len(modalities) > 1:
        last |= {f"test/without_{m}/accuracy": last["test/accuracy"] / 2 for m in modalities}
        shares = {m: last["test/accuracy"] / 2 ** (place + 1) for place, m in enumerate(modalities)}
        last |= {f"test/{m}/contribution": share for m, share in shares.items()}
        last["test/imbalance"] = max(shares.values()) - min(shares.values())
    for m in modalities:
        falling = {level: last["test/accuracy"] / (1 + level / 4) for level in NOISE_LEVELS}
        last |= {f"test/{m}/accuracy_noise_{level:g}": left for level, left in falling.items()}


class Synthetic:
    """Builds the records of a study piece by piece."""

    def __init__(self, modalities: Sequence[str] = ("audio", "visual"), seed: int = 0) -> None:
        self.modalities = tuple(modalities)
        self.rng = np.random.default_rng(seed)
        self.records: list[Record] = []

    def add(self, stage: str, method: str, level: float, **given: Any) -> Record:
        """Add one trial that climbs to `level`."""
        number = sum((r.stage, r.method) == (stage, method) for r in self.records)
        epochs = given.pop("ran", EPOCHS)
        status = given.pop("status", "completed")
        config = {"lr": 0.002, "epochs": EPOCHS} | given.pop("config", {})
        modalities = [m for m in self.modalities if method == f"unimodal_{m}"] or self.modalities
        run = curve(epochs, level, modalities, self.rng)
        if stage == "confirm":
            diagnose(run, modalities, config.get("every"))
            if "smoothing" in config:
                boost(run, modalities, config["period"], config["max_heads"])
            finish(run, modalities)
        record = Record(
            stage=stage,
            method=method,
            number=number,
            key=f"{stage}-{method}-{number}",
            seed=given.pop("seed", 0),
            protocol=given.pop("protocol", "clean"),
            config=config,
            status=status,
            epochs=run,
            started=0.0,
            ended=20.0,
            **given,
        )
        self.records.append(record)
        return record

    def search(self, method: str, level: float, trials: int = 6) -> "Synthetic":
        """A search with one pruned, one diverged and otherwise completed trials; trial 0 is the best."""
        for n in range(trials):
            config = CONFIGS.get(method, learning_rate)(n)
            if n == 2 and trials > 3:
                self.add(
                    "search",
                    method,
                    level,
                    config=config,
                    ran=3,
                    status="pruned",
                    reason="below the best third",
                )
            elif n == 3 and trials > 4:
                self.add(
                    "search",
                    method,
                    0.2,
                    config=config,
                    ran=1,
                    status="diverged",
                    reason="loss is not finite",
                )
            else:
                self.add("search", method, level - 0.06 * n**0.5, config=config)
        return self

    def confirm(self, method: str, level: float, seeds: int = 3, protocol: str = "clean") -> "Synthetic":
        """Fresh seeds of the first search trial's configuration."""
        config = self.first(method)
        for seed in range(seeds):
            wobble = 0.02 * math.sin(3 * seed) + 0.005 * float(self.rng.normal())
            self.add("confirm", method, level + wobble, config=config, seed=1000 + seed, protocol=protocol)
        return self

    def sweep(self, method: str, values: dict[str, list[Any]], level: float, seeds: int = 3) -> "Synthetic":
        """The incumbent and every changed value, `seeds` times."""
        config = self.first(method)
        changed = [config, *({**config, key: value} for key, found in values.items() for value in found)]
        unique = [one for n, one in enumerate(changed) if one not in changed[:n]]
        for seed in range(seeds):
            for one in unique:
                worse = 0.02 * abs(one.get("lam", 3.0) - 3.0) ** 0.5
                self.add(
                    "sensitivity", method, level - worse + 0.01 * math.sin(seed), config=one, seed=2000 + seed
                )
        return self

    def first(self, method: str) -> dict[str, Any]:
        """Configuration of the first search trial."""
        return next(r for r in self.records if (r.stage, r.method) == ("search", method)).config


def learning_rate(n: int) -> dict[str, Any]:
    return {"lr": 0.002 * (n + 1)}


def relearning(n: int) -> dict[str, Any]:
    return {"lr": 0.002 * (1 + 0.5 * n), "lam": 3.0 + 0.7 * n, "every": 1 + (n + 2) % 3, "max_relearnings": 3}


def modulating(n: int) -> dict[str, Any]:
    return {"lr": 0.002 * (n + 1), "alpha": 0.3 + 0.02 * n, "begin": n % 3, "end": 8 + n % 4}


def boosting(n: int) -> dict[str, Any]:
    start = {"lr": 0.01 * (1 + 0.3 * n), "smoothing": 0.5 + 0.1 * (n % 5), "sigma": 1 + 0.01 * n, "tau": 0.01}
    return start | {"period": 3 + n % 2, "max_heads": 4 - n % 2, "step": ("alternating", "joint")[n % 2]}


def one_head(n: int) -> dict[str, Any]:
    return boosting(n) | {"max_heads": 1}


CONFIGS = {
    "diagnose_relearn": relearning,
    "ogm_ge": modulating,
    "boosting": boosting,
    "dr_boosting": lambda n: boosting(n) | relearning(n),
    "boosting_no_heads": one_head,
    "boosting_frozen": boosting,
    "boosting_random": boosting,
    "boosting_tripled": one_head,
}
