"""Looking at a model: features and outputs of whole splits, scores, purity; nothing here changes weights."""

import copy
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from trainables.multimodal.clustering import RESTARTS
from trainables.multimodal.contributions import coalitions, contributions
from trainables.multimodal.data.loading.batches import Batch, Loader
from trainables.multimodal.diagnostics import Labelled, Probes, Purity, measure_purity
from trainables.multimodal.frozen_probes import frozen_probe
from trainables.multimodal.metrics import to_numbers
from trainables.multimodal.model import MultimodalModel
from trainables.multimodal.networks.fusion import Output, fused_from
from trainables.multimodal.networks.missing_modalities import Present, present_rows
from trainables.multimodal.networks.standardise import noisy
from trainables.multimodal.runtime import Runtime
from trainables.multimodal.tasks import ACCURACY, Task

NOISE_LEVELS: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Standard deviations of the noise on a standardised input: signal to noise from 12 to -12 dB."""

TOGETHER: Final = {"cuda": 2, "cpu": 1}
"""Training batches that are evaluated as one: without gradients two take no more memory than one with them,
and a GPU waits less for the processor that starts its kernels.
"""


@dataclass(frozen=True)
class Evaluation:
    """One pass over a split in eval mode: features [N, D_m], fused outputs [N, K] and targets [N]."""

    features: dict[str, Tensor]
    fused: Tensor
    labels: Tensor
    present: Present = field(default_factory=dict)
    batches: tuple[int, ...] = ()
    """How many samples were evaluated at once."""

    def metrics(self, task: Task, probes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scores of the fused outputs, and the accuracy of the probes' outputs [N, K] of each modality."""
        alone = {f"{n}/accuracy": task.accuracy(*pair) for n, pair in self.present_rows(probes).items()}
        return {**task.scores(self.fused, self.labels), **alone}

    def present_rows(self, by_modality: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """Values and labels of the samples that have each modality."""
        return present_rows(self.present, by_modality, self.labels)


@dataclass(frozen=True)
class Best:
    """The epoch with the best objective on the selection split so far, and its weights on the CPU."""

    epoch: int
    accuracy: float
    macro_f1: float
    weights: dict[str, dict[str, Tensor]]
    selected: dict[str, float] = field(default_factory=dict)
    """Where accuracy does not select: the score that does, by name, and `objective`, which is maximised."""

    @classmethod
    def at(
        cls, epoch: int, scores: Mapping[str, float], task: Task, weights: dict[str, dict[str, Tensor]]
    ) -> "Best":
        """The epoch with these scores on the selection split."""
        name, selected = task.objective.name, {}
        if name != ACCURACY:
            selected = {name: scores[name], "objective": task.objective.of(scores)}
        return cls(epoch, scores["accuracy"], scores["macro_f1"], weights, selected)

    @property
    def objective(self) -> float:
        """What is maximised."""
        return self.selected.get("objective", self.accuracy)

    def metrics(self) -> dict[str, float]:
        """Flat metrics best/..."""
        scores = {"accuracy": self.accuracy, "macro_f1": self.macro_f1, **self.selected, "epoch": self.epoch}
        return {f"best/{name}": value for name, value in scores.items()}


@dataclass
class Evaluator:
    """Evaluates the model and the probes of a run, each split once until told that the weights changed."""

    model: MultimodalModel
    probes: Probes
    task: Task
    runtime: Runtime
    loader: Callable[[str], Loader]
    """Opens a split; only `test` and the paper's protocol ask for test."""
    with_probes: bool
    """Whether the probes are trained, so that their accuracy says something."""
    n_init: int = RESTARTS
    """Restarts of k-means."""
    _evaluations: dict[str, Evaluation] = field(default_factory=dict, init=False)
    _diagnosis: dict[str, Purity] = field(default_factory=dict, init=False)

    @torch.no_grad()
    def evaluate(self, split: str) -> Evaluation:
        """Features and fused outputs of a whole split; one pass for all who ask while the weights stand."""
        if split not in self._evaluations:
            self.model.eval()
            loader = self.loader(split)
            with closing(loader.ordered(self._together)) as batches:
                outputs = [self._output(batch) for batch in batches]
            features = {n: torch.cat([o.features[n] for o in outputs]) for n in self.model.encoders}
            fused = torch.cat([output.fused for output in outputs])
            sizes = tuple(len(output.fused) for output in outputs)
            self._evaluations[split] = Evaluation(features, fused, loader.labels, loader.present, sizes)
        return self._evaluations[split]

    def score(self, split: str) -> dict[str, float]:
        """Scores on a split, under its name."""
        evaluation = self.evaluate(split)
        probes = self.probes.logits(evaluation.features) if self.with_probes else {}
        return to_numbers(evaluation.metrics(self.task, probes), split)

    def score_without(self, split: str) -> dict[str, float]:
        """Accuracy on a split with each of several modalities left out, from the features of one pass."""
        names = list(self.model.encoders)
        others = {name: [n for n in names if n != name] for name in names if len(names) > 1}
        return {
            f"{split}/without_{name}/accuracy": self._accuracy_from(split, shown)
            for name, shown in others.items()
        }

    def score_contributions(self, split: str) -> dict[str, float]:
        """Shapley value of each of several modalities for the accuracy on a split, as <split>/<modality>/...

        A coalition is worth the accuracy of the fused outputs from its modalities alone, from the features of
        one pass; none is worth that of the best guess from the training targets. `<split>/imbalance` is the
        largest value minus the smallest.
        """
        if len(self.model.encoders) < 2:
            return {}
        worth = {shown: self._accuracy_from(split, shown) for shown in coalitions(self.model.encoders)}
        values = contributions(worth)
        imbalance = max(values.values()) - min(values.values())
        named = {f"{split}/{name}/contribution": value for name, value in values.items()}
        return {**named, f"{split}/imbalance": imbalance}

    @torch.no_grad()
    def score_noisy(self, split: str) -> dict[str, float]:
        """Accuracy on a split with noise on one modality, as <split>/<modality>/accuracy_noise_<level>.

        The noise is Gaussian, the level in standard deviations of the modality's standardised input. All
        levels scale the same noise, which is a function of the batch alone.
        """
        judged, wanted = self.evaluate(split), list(product(self.model.encoders, NOISE_LEVELS))
        fused: dict[tuple[str, float], list[Tensor]] = {each: [] for each in wanted}
        start = 0
        with closing(self.loader(split).ordered(self._together)) as batches:
            for number, batch in enumerate(batches):
                stop = start + len(batch.labels)
                features = {name: values[start:stop] for name, values in judged.features.items()}
                for name, level in wanted:
                    noised = {**features, name: self._noised(name, level, number, batch)}
                    fused[name, level].append(self.model.fusion(noised, batch.present).fused)
                start = stop
        accuracies = {
            f"{name}/accuracy_noise_{level:g}": self.task.accuracy(torch.cat(parts), judged.labels)
            for (name, level), parts in fused.items()
        }
        return to_numbers(accuracies, split)

    def fit_probes(self) -> dict[str, float]:
        """Accuracy on validation and test of a linear model fitted to each modality's training features.

        Empty where probes are switched off. Of a modality that no test sample has there is none on test, and
        none at all where its training samples are of one class.
        """
        if not self.with_probes:
            return {}
        parts = {split: self.evaluate(split) for split in ("train", "validation", "test")}
        rows = {split: part.present_rows(part.features) for split, part in parts.items()}
        accuracies = {}
        for name in self.model.encoders:
            if len(torch.unique(rows["train"][name][1], dim=0)) < 2:
                continue
            probe = frozen_probe(*rows["train"][name], *rows["validation"][name], self.task)
            for split in ("validation", "test"):
                if name in rows[split]:
                    features, targets = rows[split][name]
                    right = self.task.accuracy(probe(features), targets.cpu())
                    accuracies[f"{split}/{name}/probe_accuracy"] = float(right)
        return accuracies

    def diagnose(self) -> dict[str, Purity]:
        """Purity of each modality on training and validation split, measured once an epoch.

        Once the weights have changed this is still the diagnosis of those that were judged.
        """
        if not self._diagnosis:
            evaluations = self.evaluate("train"), self.evaluate("validation")
            train, validation = (e.present_rows(e.features) for e in evaluations)
            for name in self.model.encoders:
                seen, unseen = (self._labelled(*rows[name]) for rows in (train, validation))
                count = self.task.n_clusters(_array(train[name][1]))
                self._diagnosis[name] = measure_purity(seen, unseen, count, self.n_init)
        return self._diagnosis

    def diagnosed(self) -> dict[str, float]:
        """Flat metrics of the diagnosis; empty if nothing was diagnosed."""
        return {key: value for name, p in self._diagnosis.items() for key, value in p.metrics(name).items()}

    def forget(self) -> None:
        """The weights change: what was evaluated no longer holds."""
        self._evaluations = {}

    def forget_all(self) -> None:
        """An epoch begins, whose weights are also diagnosed anew."""
        self._evaluations, self._diagnosis = {}, {}

    def of(self, weights: Mapping[str, Mapping[str, Any]]) -> "Evaluator":
        """The same of other weights, in copies of model and probes; loading sets the number of heads."""
        model, probes = copy.deepcopy((self.model, self.probes))
        model.load_state_dict(weights["model"])
        probes.load_state_dict(weights["probes"])
        return replace(self, model=model, probes=probes)

    def _output(self, batch: Batch) -> Output:
        with self.runtime.autocast():
            features = self.model.encode(batch.inputs, batch.present)
        output: Output = self.model.fusion(features, batch.present)
        return output

    @torch.no_grad()
    def _accuracy_from(self, split: str, shown: Collection[str]) -> float:
        """Accuracy on a split if only the modalities `shown` were there; of none, that of guessing."""
        judged = self.evaluate(split)
        if shown:
            outputs = self._fused_from(judged, shown)
        else:
            outputs = self.task.guess(self.loader("train").labels).expand(len(judged.labels), -1)
        return float(self.task.accuracy(outputs, judged.labels))

    def _fused_from(self, judged: Evaluation, shown: Collection[str]) -> Tensor:
        """Fused outputs [N, K] from these modalities, in the batches of the evaluation if they count."""
        fusion = self.model.fusion
        sizes = judged.batches if fusion.by_batch else (len(judged.labels),)
        parts, start = [], 0
        for size in sizes:
            rows = slice(start, start + size)
            features = {name: values[rows] for name, values in judged.features.items()}
            present = {name: mask[rows] for name, mask in judged.present.items()}
            parts.append(fused_from(fusion, features, present, shown))
            start += size
        return torch.cat(parts)

    @property
    def _together(self) -> int:
        """Training batches that are evaluated as one."""
        return 1 if self.model.fusion.by_batch else TOGETHER[self.runtime.device.type]

    def _noised(self, name: str, level: float, seed: int, batch: Batch) -> Tensor:
        """Features [B, D_m] of one modality with noise on its input."""
        draw = torch.Generator(batch.labels.device).manual_seed(seed)
        with noisy(self.model.standardisation(name), level, draw), self.runtime.autocast():
            return self.model.encode_one(name, batch.inputs[name], batch.present)

    def _labelled(self, features: Tensor, targets: Tensor) -> Labelled:
        """Features [N, D] with what their clusters' purity is measured against."""
        bins = torch.from_numpy(self.task.bins(_array(targets)))
        return Labelled(features, bins.to(features.device))


def _array(tensor: Tensor) -> np.ndarray:
    return np.asarray(tensor.cpu())
