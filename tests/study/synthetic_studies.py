"""Synthetic studies as they end: a method beside joint training, boosting with its sweeps, all methods."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import qmc
from synthetic import EPOCHS, Synthetic, learning_rate

from study.records.trial_record import Record
from study.settings import StudySettings

LEVELS = {  # what the methods of a comparison reach
    "joint": 0.62,
    "late_fusion": 0.615,
    "ogm_ge": 0.64,
    "diagnose_relearn": 0.65,
    "boosting": 0.70,
    "dr_boosting": 0.71,
    "boosting_no_heads": 0.66,
    "boosting_frozen": 0.69,
    "boosting_random": 0.70,
    "boosting_tripled": 0.66,
}


PLAIN: dict[str, Any] = {  # settings of a study of two methods as the ledger keeps them
    "id": "0" * 32,
    "study": "cremad_dr",
    "methods": ["joint", "diagnose_relearn"],
    "data": {
        "name": "cremad",
        "digest": "0123456789abcdef" * 4,
        "is_sample": False,
        "samples": 7442,
        "classes": ["anger", "disgust", "fear", "happy", "neutral", "sad"],
        "modalities": {"audio": [1, 1024, 128], "visual": [10, 3, 224, 224]},
    },
    "protocol": {
        "name": "clean",
        "split": "actor-disjoint",
        "splits": {"clean": "actor-disjoint"},
        "recipe": "dnr-fbank",
        "frames": 1,
        "selection": "best validation epoch",
        "optimizer": "SGD, momentum 0.9, weight decay 0.0001, batch 64, constant learning rate",
    },
    "budget": {"epochs": EPOCHS, "trials": 6, "seeds": 3},
    "stages": ["search", "confirm", "sensitivity"],
    "base": {},
    "fixed": {},
    "sensitivity": {"diagnose_relearn": {"lam": [0.0, 1.0, 3.0, 10.0], "every": [1, 3, 5]}},
    "inapplicable": {},
    "initial_weights": {},
    "mlflow": {"uri": "sqlite:///results/mlflow.db", "experiment": "cremad_dr", "parent_run": "abc"},
}
PARTS = ("data", "protocol", "budget")  # of which a test may change single entries


def study_settings(**changes: Any) -> StudySettings:
    """Settings of a study of two methods, with changes by their names in the ledger."""
    parts = {name: PLAIN[name] | changes.pop(name, {}) for name in PARTS}
    return StudySettings.from_json(PLAIN | changes | parts)


def whole_study(modalities: Sequence[str] = ("audio", "visual"), seeds: int = 3) -> Synthetic:
    """A finished study: joint and D&R searched, confirmed and swept."""
    study = Synthetic(modalities)
    study.search("joint", 0.60).search("diagnose_relearn", 0.66)
    study.confirm("joint", 0.60, seeds).confirm("diagnose_relearn", 0.65, seeds)
    swept = PLAIN["sensitivity"]["diagnose_relearn"]
    return study.sweep("diagnose_relearn", swept, 0.66, seeds)


def folded_study(seed: int = 0) -> tuple[StudySettings, list[Record]]:
    """Settings and records of a study with finalists, five folds and published values.

    The folds' people differ by .05, seeds by .02; D&R gains .13 with its published values, .01 as tuned.
    """
    study, methods = Synthetic(seed=seed), {"joint": 0.62, "diagnose_relearn": 0.63}
    people = study.rng.normal(0.0, 0.05, 5)
    published = {"lr": 0.002, "lam": 3.0, "every": 3, "max_relearnings": 3}
    for method, level in methods.items():
        study.search(method, level)
        best = study.first(method) | ({"lam": 1.0} if method != "joint" else {})
        study.records[-6] = replace(study.records[-6], config=study.records[-6].config | best)
        for run in range(3):
            study.add("finalists", method, level, config=best, seed=3000 + run)
        for config, gain in [(best, 0.0), (published, 0.12)][: 1 if method == "joint" else 2]:
            for run in range(10 if method == "joint" else 5):
                reached = level + gain + people[run % 5] + float(study.rng.normal(0.0, 0.02))
                folded = {**config, "split": f"actor-disjoint-{run % 5 + 1}"}
                study.add("confirm", method, reached, config=folded, seed=1000 + run)
    asked = study_settings(
        stages=["search", "finalists", "confirm"],
        budget={"seeds": 5, "baseline_seeds": 10, "finalists": 1},
        protocol={"tested": {"clean": {"samples": 7442, "groups": 91}}},
        folds=[f"actor-disjoint-{fold}" for fold in range(1, 6)],
        confirms_published=True,
        pruning="auto",
        fixed={"joint": {}, "diagnose_relearn": {}},
        sensitivity={},
    )
    return asked, study.records


def comparison_study(
    modalities: Sequence[str] = ("audio", "visual"), seeds: int = 5, trials: int = 6
) -> tuple[StudySettings, list[Record]]:
    """Settings and records of a comparison of all methods.

    Late fusion diverged in its search, frozen heads failed in all confirm runs, OGM-GE diverged in one.
    """
    study = Synthetic(modalities)
    levels = LEVELS | {f"unimodal_{name}": 0.5 - 0.08 * n for n, name in enumerate(modalities)}
    for method, level in levels.items():
        if method == "late_fusion":
            for n in range(trials):
                lost = {"status": "diverged", "reason": "loss is not finite"} if n else {"status": "pruned"}
                study.add("search", method, 0.2, config=learning_rate(n), ran=2, **lost)
        elif method == "boosting_frozen":
            study.search(method, level, trials)
            for seed in range(seeds):
                fail = {"status": "failed", "reason": "out of memory", "seed": 1000 + seed, "ran": 2}
                study.add("confirm", method, level, config=study.first(method), **fail)
        else:
            study.search(method, level, trials).confirm(method, level, seeds)
    lost = next(r for r in study.records if (r.stage, r.method, r.seed) == ("confirm", "ogm_ge", 1003))
    study.records[study.records.index(lost)] = replace(lost, status="diverged", reason="loss is not finite")
    asked = study_settings(
        study="cremad_compare",
        methods=list(levels),
        stages=["search", "confirm"],
        budget={"epochs": EPOCHS, "trials": trials, "seeds": seeds},
        sensitivity={},
    )
    return asked, study.records


BOOSTING_SWEEPS: dict[str, list[Any]] = {
    "smoothing": [0.0, 0.2, 1.0],
    "sigma": [1.0, 1.1, 1.25],
    "tau": [0.001, 0.01, 0.1],
    "max_heads": [1, 2, 4, 8],
}


def boosting_study(
    modalities: Sequence[str] = ("audio", "visual"), seeds: int = 3, trials: int = 6
) -> tuple[StudySettings, list[Record]]:
    """Settings and records of joint training, boosting and boosting with re-learning, both swept."""
    study = Synthetic(modalities)
    sweeps = {"boosting": BOOSTING_SWEEPS, "dr_boosting": BOOSTING_SWEEPS | {"lam": [0.0, 1.0, 3.0]}}
    for method in ("joint", *sweeps):
        study.search(method, LEVELS[method], trials).confirm(method, LEVELS[method], seeds)
    for method, swept in sweeps.items():
        study.sweep(method, swept, LEVELS[method], seeds)
    budget = {"epochs": EPOCHS, "trials": trials, "seeds": seeds}
    return study_settings(methods=["joint", *sweeps], sensitivity=sweeps, budget=budget), study.records


def surface_study(points: int = 32, noise: float = 0.005) -> tuple[StudySettings, list[Record]]:
    """Settings and records of a design of D&R at full budget, one seed a point.

    The learning rate has an optimum, lambda and H act together, and the number of re-learnings does nothing.
    """
    study = Synthetic()
    for lr, lam, every, most in qmc.Sobol(4, rng=np.random.default_rng(1)).random(points).tolist():
        level = 0.70 - 0.5 * (lr - 0.6) ** 2 + 0.3 * (lam - 0.5) * (int(3 * every) / 2 - 0.5)
        config = {"lr": 10 ** (2 * lr - 3), "lam": 10 * lam, "every": 1 + int(3 * every)}
        config["max_relearnings"] = 1 + int(5 * most)
        reached = level + noise * float(study.rng.normal())
        study.add("surface", "diagnose_relearn", reached, config=config, seed=4000)
    asked = study_settings(
        methods=["diagnose_relearn"], stages=["surface"], fixed={"diagnose_relearn": {}}, sensitivity={}
    )
    return asked, study.records
