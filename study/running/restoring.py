"""Going on from the copy of a damaged ledger."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from study.methods import STUDY_METHODS, StudyMethod
from study.records.ledger_copy import COPY, age, damage, put_back
from study.records.study_folder import LEDGER, locked, read_ledger
from study.running.trial_files import CHECKPOINTS, trial_folder
from trainables.multimodal.errors import InputError


def restore(folder: Path, table: Mapping[str, StudyMethod] = STUDY_METHODS) -> str:
    """Put the copy of a study's ledger in the place of the ledger, which is kept; says what was done.

    Trials that had begun after the copy are drawn anew, and their checkpoints go: under the same number may
    come another configuration. Raises InputError where the ledger is whole or no copy is.
    """
    copy, ledger = folder / COPY, folder / LEDGER
    if not copy.exists() or damage(copy):
        raise InputError(f"--restore: there is no whole copy of a ledger in {folder}.")
    with locked(folder):
        if ledger.exists() and not damage(ledger):
            raise InputError(f"--restore: the ledger {ledger} is whole; leave it out.")
        kept = put_back(ledger)
        opened = read_ledger(folder, None, table)
        known = {trial_folder(folder, record) for record in opened.records()}
        opened.close()
    for found in (folder / CHECKPOINTS).glob("*/*/*"):
        if found not in known:
            shutil.rmtree(found)
    before = f"; what was there is {kept.name}" if kept.exists() else ""
    return f"The ledger of {age(copy)}, with {len(known)} trials, is in its place{before}."
