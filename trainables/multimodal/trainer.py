"""The training loop: any number of named modalities, one method, no Ray."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from trainables.multimodal.assembly import (
    build_model,
    chosen_modalities,
    held_out,
    part_rows,
    require_applicable,
    require_pictures,
    restarts,
    step_owner,
    training_task,
    usable_rows,
)
from trainables.multimodal.balancers.base import Balancer, Phase
from trainables.multimodal.compiling import pays
from trainables.multimodal.config import DIAGNOSED, TIES, TrainerConfig
from trainables.multimodal.data.loading.augmentation import augmented
from trainables.multimodal.data.loading.batches import Batch, Batches, Cut, Loader, batch_bounds
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.diagnostics import Probes, Purity
from trainables.multimodal.errors import Diverged, InputError
from trainables.multimodal.evaluation import Best, Evaluation, Evaluator
from trainables.multimodal.feature_sample import write_features
from trainables.multimodal.metrics import Means, require_finite
from trainables.multimodal.model import MultimodalModel, export_model
from trainables.multimodal.model_copy import ModelCopy
from trainables.multimodal.networks.fusion import Output
from trainables.multimodal.networks.standardise import statistics
from trainables.multimodal.optimization import (
    add_parameters,
    build_optimizer,
    freeze_encoders,
    set_hyperparameters,
)
from trainables.multimodal.optimizers import take_over
from trainables.multimodal.runtime import (
    Runtime,
    random_state,
    resolve,
    seed_everything,
    set_random_state,
    to_cpu,
)
from trainables.multimodal.tasks import Task, task_on

__all__ = ["Diverged", "Trainer"]


class Trainer:
    """Trains one configuration on one feature store.

    Public attributes: config, store, task, runtime, model, optimizer, probes, best, and epoch, the number of
    finished epochs. Order of samples, choice of frames and learning rate are functions of (config, epoch).
    Raises InputError for settings, stores or splits that do not fit together.
    """

    def __init__(self, config: TrainerConfig, balancers: Sequence[Balancer] = ()) -> None:
        self.config, self.balancers = config, tuple(balancers)
        require_applicable(config, self.balancers)
        self._stepper = step_owner(self.balancers)
        self.runtime: Runtime = resolve(config)
        self.store = FeatureStore.open(config.data)
        task = task_on(self.store, config.task, config.loss, config.objective)
        self._modalities = chosen_modalities(self.store, config.modalities)
        require_pictures(config, self.store)
        self._rows = usable_rows(self.store, self._modalities, part_rows(config, self.store), task)
        self.task: Task = training_task(config, self.store, task, self._rows["train"], self.runtime.device)
        self._loaders: dict[str, Loader] = {}
        self._seen: dict[str, Tensor] = {}
        self.epoch = 0
        self._phase = Phase()
        self.best: Best | None = None
        seed_everything(config.seed)
        self.model = self._build_model()
        outputs = max(1, len(self.task.classes))
        self.probes = Probes(self.model.fusion.sizes, outputs, self.task.plain_loss).to(self.runtime.device)
        self._evaluator = Evaluator(
            self.model,
            self.probes,
            self.task,
            self.runtime,
            self._loader,
            with_probes=config.probes,
            n_init=restarts(self.balancers),
        )
        self.optimizer: torch.optim.Optimizer = build_optimizer(config, self.model)
        self._copy = ModelCopy(self.model, self.optimizer)
        self._probe_optimizer = self.probes.build_optimizer()
        for balancer in self.balancers:
            balancer.on_fit_start(self)

    @property
    def done(self) -> bool:
        """Whether the configured number of epochs is trained."""
        return self.epoch >= self.config.epochs

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        left_out = self._phase.left_out
        samples = len(self._rows["train"]) - (0 if left_out is None else int(left_out.sum()))
        return len(batch_bounds(samples, self.config.batch_size))

    def fit(self) -> list[dict[str, float]]:
        """Train all epochs that are left; the metrics of each."""
        history = []
        while not self.done:
            history.append(self.run_epoch())
        return history

    def run_epoch(self) -> dict[str, float]:
        """Train one epoch, evaluate, keep the best weights, then let the balancers act.

        Raises Diverged as soon as a loss or a feature of the epoch is infinite or NaN.
        """
        started = time.perf_counter()
        self._phase = self._stepper.phase(self)
        metrics: dict[str, float] = {"epoch": self.epoch + 1, "lr": self.config.lr_at(self._scheduled)}
        metrics |= self._train()
        for split in dict.fromkeys(("validation", self.config.selection)):
            metrics |= self._evaluator.score(split)
        require_finite(metrics, self.epoch + 1)
        self.epoch += 1
        metrics |= self._judge(metrics).metrics()
        metrics |= self._finish_epoch()
        return {**metrics, "seconds": time.perf_counter() - started}

    def joint_step(self, batch: Batch) -> dict[str, Tensor]:
        """The default step: the task's loss of the fused outputs only."""
        output = self.forward(batch)
        loss = self.task.loss(output.fused, batch.labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        right = self.task.accuracy(output.fused.detach(), batch.labels)
        metrics = {"loss": loss.detach(), "accuracy": right}
        for balancer in self.balancers:
            metrics |= balancer.after_backward(self, batch, output)
        self.optimizer.step()
        return metrics

    def forward(self, batch: Batch) -> Output:
        """Encode each modality once and derive all logits from the features, in fp32.

        Dropout acts on what the heads are given, and not on the features of the output.
        """
        features = self._features(batch)
        output: Output = self.model.fusion(self._dropped(features), batch.present)
        return replace(output, features=features)

    def encode(self, batch: Batch) -> dict[str, Tensor]:
        """Features [B, D_m] as heads are given them: of the run's precision, in fp32, after dropout."""
        return self._dropped(self._features(batch))

    def update(self, loss: Tensor) -> None:
        """Step on the gradients of `loss` alone: what it does not reach has none and stays where it is."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def evaluate(self, split: str) -> Evaluation:
        """Features and fused outputs of a whole split in eval mode; one pass while the weights stand."""
        return self._evaluator.evaluate(split)

    def features(self, split: str) -> dict[str, Tensor]:
        """Encoder features [N, D_m] of a split in eval mode, in the order of the split, without gradients."""
        return self.evaluate(split).features

    def held_out(self) -> NDArray[np.bool_]:
        """Which samples [N] of the training split, in its order, a method may keep from training.

        A tenth, in whole groups where the data have groups, drawn with the seed of the run. InputError where
        that leaves a class or a modality without samples.
        """
        return held_out(self.store, self._modalities, self._rows["train"], self.config.seed)

    def diagnose(self) -> dict[str, Purity]:
        """Purity of each modality on training and validation split; measured once per epoch.

        Once a balancer has changed the weights this is still the diagnosis of the weights that were judged.
        """
        return self._evaluator.diagnose()

    def add_module(self, place: nn.ModuleList, module: nn.Module) -> None:
        """Grow the model by `module` at a place of its own, and train it at the current settings.

        Parameters that require no gradient stay out of the optimizer.
        """
        place.append(module.to(self.runtime.device))
        trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
        if trained:
            add_parameters(self.optimizer, self.config, trained)
            set_hyperparameters(self.optimizer, self.config, self._scheduled)

    def test(self) -> dict[str, float]:
        """Scores of the best weights on the test split, under test/...; training can go on afterwards.

        test/without_<modality>/accuracy is that of all samples with one of several modalities left out, and
        test/<modality>/accuracy_noise_<level> with noise on one. test/<modality>/contribution is its Shapley
        value, test/imbalance how far these lie apart. <split>/<modality>/probe_accuracy, of validation and
        test, is that of a linear model fitted to the frozen training features.
        """
        judged = self._evaluator.of(self._require_best().weights)
        shown = judged.score_without("test") | judged.score_contributions("test") | judged.score_noisy("test")
        return judged.score("test") | shown | judged.fit_probes()

    def export(self, folder: str | Path) -> None:
        """Write the best weights and what the model is built from; `load_model(folder)` gives it back.

        Beside them lie the features of a sample of validation, for pictures of what encoders tell apart.
        """
        best = self._require_best()
        export_model(self.model, best.weights["model"], Path(folder))
        judged = self._evaluator.of(best.weights).evaluate("validation")
        write_features(Path(folder), judged, self.task.classes)

    def state_dict(self) -> dict[str, Any]:
        """All that was learned, as plain data on the CPU; it changes no more, whatever the trainer does."""
        state = {
            "epoch": self.epoch,
            **self._weights(),
            "optimizer": self.optimizer.state_dict(),
            "copy": self._copy.state_dict(),
            "probe_optimizer": self._probe_optimizer.state_dict(),
            "balancers": [balancer.state_dict() for balancer in self.balancers],
            "random": random_state(self.runtime.device),
        }
        return {**to_cpu(state), "best": vars(self.best) if self.best else None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`; what was chosen (learning rate, schedule, epochs, ...) stays the config's."""
        for balancer, saved in zip(self.balancers, state["balancers"], strict=True):
            balancer.load_state_dict(self, saved)
        self.model.load_state_dict(state["model"])
        self.probes.load_state_dict(state["probes"])
        take_over(self.optimizer, state["optimizer"])
        self._probe_optimizer.load_state_dict(state["probe_optimizer"])
        if "copy" in state:  # earlier versions trained none
            self._copy.load_state_dict(state["copy"])
        self.epoch = state["epoch"]
        self.best = Best(**state["best"]) if state["best"] else None
        self._evaluator.forget_all()
        set_random_state(state["random"], self.runtime.device)

    def constants(self) -> dict[str, Any]:
        """What never changes in a run but must survive it, such as initial weights; store it once."""
        copied: dict[str, Any] = to_cpu({"balancers": [balancer.constants() for balancer in self.balancers]})
        return copied

    def load_constants(self, constants: Mapping[str, Any]) -> None:
        """Undo `constants`."""
        for balancer, saved in zip(self.balancers, constants["balancers"], strict=True):
            balancer.load_constants(self, saved)

    def _train(self) -> dict[str, float]:
        """One pass over the training split, less what the phase leaves out, by the model or a copy."""
        self._evaluator.forget_all()
        with self._copy.in_place(self._phase.copy):
            freeze_encoders(self.model, self.config, self._scheduled)
            set_hyperparameters(self.optimizer, self.config, self._scheduled)
            metrics = self._pass()
            for balancer in self.balancers:
                metrics |= balancer.on_epoch_trained(self)
        self._evaluator.forget()
        return metrics

    def _pass(self) -> dict[str, float]:
        """A step on each batch; probes are of the model's features, and so learn nothing from a copy's."""
        self.model.train()
        means = Means()
        with closing(self._training_batches()) as batches:
            for batch in batches:
                means.add(self._stepper.step(self, batch), len(batch.labels))
                if self.config.probes and not self._phase.copy:
                    self.probes.fit(self._probe_optimizer, self._seen, batch.labels, batch.present)
        return means.read("train")

    def _features(self, batch: Batch) -> dict[str, Tensor]:
        """Features [B, D_m] of each modality, which the probes learn from too."""
        with self.runtime.autocast():
            features = self.model.encode(batch.inputs, batch.present)
        self._seen = {name: value.detach() for name, value in features.items()}
        return features

    def _dropped(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Features after dropout (Srivastava et al., JMLR 2014), scaled by 1 / (1 - p); evaluation has none.

        It draws from torch's global generators, which checkpoints keep.
        """
        share = self.config.dropout
        if not share or not self.model.training:
            return features
        return {name: functional.dropout(values, share) for name, values in features.items()}

    def _training_batches(self) -> Batches:
        """Batches of the current epoch; what is random in them is a function of (seed, epoch)."""
        seed, epoch = self.config.seed, self.epoch
        batches = self._loader("train").shuffled(seed, epoch, self._phase.left_out)
        if not self.config.augment:
            return batches
        return augmented(batches, self.store.modalities, seed, epoch, self.config.crop == "frame")

    def _judge(self, metrics: dict[str, float]) -> Best:
        """Keep the epoch's weights if they are the best so far; of equals the first or the last."""
        prefix = f"{self.config.selection}/"
        scores = {name.removeprefix(prefix): value for name, value in metrics.items()}
        better = TIES[self.config.ties]
        if self.best is None or better(self.task.objective.of(scores), self.best.objective):
            self.best = Best.at(self.epoch, scores, self.task, to_cpu(self._weights()))
        return self.best

    def _finish_epoch(self) -> dict[str, float]:
        """Diagnose the judged weights if it is time, then let the balancers change them."""
        metrics: dict[str, float] = {}
        if DIAGNOSED[self.config.diagnose](self.epoch, self.config.epochs):
            self.diagnose()
        if self.done or self.config.diagnose != "end":  # costs next to nothing
            metrics |= self._evaluator.score_contributions("validation")
        for balancer in self.balancers:
            metrics |= balancer.on_epoch_end(self)
        metrics |= self._evaluator.diagnosed()
        self._evaluator.forget()
        return metrics

    def _build_model(self) -> MultimodalModel:
        """Build the model, its inputs standardised by what the training split holds."""
        model = build_model(self.config, self.balancers, self.store)
        for name in self._modalities:
            inputs = model.standardisation(name)
            inputs.load_state_dict(statistics(inputs, self.store, name, self._rows["train"]))
        if self._compiles(model):
            model.compile_encoders(self.config.batch_size)
        return self.runtime.place(model)

    def _compiles(self, model: MultimodalModel) -> bool:
        auto = pays(model.encoders.values(), self.runtime.device, self.config.epochs * self.steps)
        return auto if self.config.compile == "auto" else bool(self.config.compile)

    @property
    def _scheduled(self) -> int:
        """Index of the epoch whose learning rate holds."""
        given = self._phase.schedule_epoch
        return self.epoch if given is None else given

    def _loader(self, split: str) -> Loader:
        """A split is opened when it is first read; only `test` and the paper's protocol ask for test."""
        if split not in self._loaders:
            cut = Cut(self._rows[split], self._modalities, self.task.targets)
            self._loaders[split] = Loader(
                self.store,
                cut,
                self.config.batch_size,
                self.config.frames,
                self.runtime.device,
                self.config.frame_choice,
            )
        return self._loaders[split]

    def _weights(self) -> dict[str, dict[str, Tensor]]:
        return {"model": self.model.state_dict(), "probes": self.probes.state_dict()}

    def _require_best(self) -> Best:
        if self.best is None:
            raise InputError("nothing is trained yet: run an epoch first")
        return self.best
