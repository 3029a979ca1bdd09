"""What is set by hand: settings that are fixed, ranges that are searched, and values that are swept."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ray.tune.search.sample import Float

from search_spaces.space import LOG, Asked, respaced, spelled
from study.methods import StudyMethod
from study.studies import Study
from trainables.multimodal.command_line import read_pairs, read_values
from trainables.multimodal.errors import InputError
from trainables.multimodal.flat_settings import WEIGHT
from trainables.multimodal.setting_checks import is_real

OWN_OPTIONS: Final = {
    "data": "--data",
    "epochs": "--epochs",
    "split": "--split",
    "selection": "--protocol",
    "seed": "--seeds",
    "objective": "--objective",
    "device": "--device",
    "precision": "--precision",
    "threads": "--cpus-per-trial",
    "diagnose": "the confirm stage, which diagnoses ten times,",
}
"""Trainer settings that a study takes by an option of their own."""
TABLES: Final = ("space", "sweep")
"""Of a file with ranges and values; the options of these names take the same."""


@dataclass(frozen=True)
class HandSet:
    """Divides what was set by hand among the methods of a study that have it.

    Raises InputError, naming the option: no method has a setting, `--set` fixes it as well, or nothing lies
    in a range.
    """

    methods: Mapping[str, StudyMethod]
    modalities: Sequence[str]
    epochs: int
    values: Mapping[str, Any]
    """Setting -> the value that `--set` fixes it at."""

    def fixed(self, swept: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
        """Give each fixed setting to every method that has it; what makes a method what it is stays.

        A method that does not search a swept setting has it at its default, which trials then name.
        """
        self._require_known("--set", self.values)
        return {name: self._fixed(name, swept) for name in self.methods}

    def _fixed(self, name: str, swept: Sequence[str]) -> dict[str, Any]:
        trained, searched = self.methods[name].trained, self._domains(name)
        values = {key: self.values[key] for key in sorted(self.values.keys() & self._known(name))}
        defaults = trained.defaults()
        named = {
            key: defaults[key]
            for key in swept
            if key in defaults and key not in searched and name in self._takers(key)
        }
        return {**named, **values, **trained.fixed}

    def ranges(self, asked: Mapping[str, Asked]) -> dict[str, Asked]:
        """What is searched in place of the methods' own domains; equal ranges come out equal."""
        searched = self.searched()
        for key in asked.keys() - searched.keys():
            keys = ", ".join(sorted(searched))
            raise InputError(f"--space {key}: no method of this study searches it; searched are {keys}")
        self._require_free("--space", asked)
        return {key: _range(key, searched[key], wanted) for key, wanted in asked.items()}

    def searched(self) -> dict[str, Any]:
        """The domain of every setting that any method searches where nothing fixes it."""
        return {key: domain for name in self.methods for key, domain in self._domains(name).items()}

    def sweeps(self, study: Study, asked: Mapping[str, Asked]) -> dict[str, dict[str, list[Any]]]:
        """Values that are swept, by method: the study's with those that were asked for, less what is fixed.

        Values go to the methods that search the setting, or to all that have it where none does.
        """
        self._require_known("--sweep", asked)
        self._require_free("--sweep", asked)
        takers = {key: self._takers(key) for key in asked}
        swept: dict[str, dict[str, list[Any]]] = {}
        for name, method in self.methods.items():
            own, domains = study.sweeps.get(name, {}), self._domains(name)
            values = {key: list(v(self.epochs) if callable(v) else v) for key, v in own.items()}
            values |= {k: _values("--sweep", k, domains.get(k), asked[k]) for k in asked if name in takers[k]}
            fixed = {**self.values, **method.trained.fixed}
            swept[name] = {key: found for key, found in values.items() if key not in fixed}
        return {name: values for name, values in swept.items() if values}

    def _takers(self, key: str) -> list[str]:
        searching = [name for name in self.methods if key in self._domains(name)]
        return searching or [name for name in self.methods if key in self._known(name)]

    def _domains(self, name: str) -> dict[str, Any]:
        """What a method searches, unless it is what makes the method."""
        method = self.methods[name]
        domains = method.search.domains_for(self.modalities, self.epochs)
        return {key: domain for key, domain in domains.items() if key not in method.trained.fixed}

    def _known(self, name: str) -> set[str]:
        return {*self.methods[name].trained.settings(), *self._domains(name)}

    def _require_known(self, option: str, asked: Mapping[str, Any]) -> None:
        for key in asked.keys() & OWN_OPTIONS.keys():
            raise InputError(f"{option} {key} is refused: use {OWN_OPTIONS[key]} instead")
        anywhere = set().union(*map(self._known, self.methods)) - OWN_OPTIONS.keys()
        for key in sorted(asked.keys() - anywhere):
            keys = ", ".join(sorted(anywhere))
            raise InputError(f"{option} {key}: no method of this study has it; keys are {keys}")

    def _require_free(self, option: str, asked: Mapping[str, Any]) -> None:
        weights = {WEIGHT + name for name in self.modalities} if "fusion_weights" in self.values else set()
        for key in sorted(asked.keys() & {*self.values, *weights}):
            raise InputError(f"{option} {key}: --set fixes it, leave one of the two out")


def given(table: str, pairs: Sequence[str], file: Path | None) -> dict[str, Asked]:
    """Ranges or values by key: those of the option `--<table>`, and those of that table of a TOML file.

    Raises InputError: the file cannot be read or holds something else, or a key is given twice.
    """
    texts: dict[str, Asked] = dict(read_pairs(f"--{table}", pairs))
    listed = _tables(file).get(table, {}) if file else {}
    for key in sorted(texts.keys() & listed.keys()):
        raise InputError(f"--{table} {key} is given twice: in {file} and by hand")
    return {**listed, **texts}


def _tables(file: Path) -> dict[str, dict[str, Asked]]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--space-file {file} cannot be read: {error.strerror}") from error
    except ValueError as error:  # of TOML or of UTF-8
        raise InputError(f"--space-file {file} is no TOML ({error})") from error
    for name, table in tables.items():
        if name not in TABLES or not isinstance(table, dict):
            raise InputError(f"--space-file {file} holds {name}: its tables are [space] and [sweep]")
        for key, value in table.items():
            if not isinstance(value, str | list):
                raise InputError(f"--space-file {file}: {name}.{key} must be text or a list, got {value}")
    return tables


def _range(key: str, domain: Any, asked: Asked) -> Asked:
    """A range in its one spelling, or choices in their order."""
    if isinstance(asked, str) and ".." in asked:
        try:
            return spelled(respaced(domain, asked))
        except ValueError as error:
            raise InputError(f"--space {key}: {error}") from error
    values = _values("--space", key, domain, asked)
    if len(values) == 1:
        raise InputError(f"--space {key} takes LOW..HIGH, LOW..HIGH{LOG} or several values, got {values[0]}")
    return values


def _values(option: str, key: str, domain: Any, asked: Asked) -> list[Any]:
    """Different values, numbers by their size; those of a domain of real numbers are such."""
    values = read_values(asked) if isinstance(asked, str) else list(asked)
    if not values:
        raise InputError(f"{option} {key} takes values with a comma between them, got none")
    if isinstance(domain, Float):
        values = [float(value) if is_real(value) else value for value in values]
    different = [value for number, value in enumerate(values) if value not in values[:number]]
    return sorted(different) if all(map(is_real, different)) else different
