"""Writing a store: whole or not at all, and every unusable sample named."""

import contextlib
import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from trainables.multimodal.data import source as sources
from trainables.multimodal.data.adapters import cremad, features
from trainables.multimodal.data.preparing import fatal_samples, fingerprints, shards, worker_processes, writer
from trainables.multimodal.data.preparing.verify import verify
from trainables.multimodal.data.preparing.worker_processes import WorkerDied
from trainables.multimodal.data.preparing.writer import unfinished, write_store
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Arrays, Modality
from trainables.multimodal.errors import InputError
from trainables.multimodal.whole_files import held

Sources = Callable[..., Source]
Load = Callable[[int], Arrays]


def test_every_unusable_sample_is_named(toy_source: Sources, tmp_path: Path) -> None:
    def load(row: int) -> Arrays:
        raise InputError(f"file {row} is broken")

    with pytest.raises(InputError) as caught:
        write_store(toy_source(load=load), tmp_path / "store")
    assert all(f"s{row}: file {row} is broken" in str(caught.value) for row in range(12))


def test_the_refusal_says_how_to_leave_samples_out(
    toy_source: Sources, broken_load: Load, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"(?s)^1 of 12 samples .* --skip-up-to 0\.084; "):
        write_store(toy_source(load=broken_load), tmp_path / "store")


def test_skipped_samples_are_counted_in_the_manifest(
    toy_source: Sources, broken_load: Load, tmp_path: Path
) -> None:
    store = write_store(toy_source(load=broken_load), tmp_path / "store", skip_up_to=0.084)
    assert store.manifest["skipped"] == {"s5": "its file is broken"}
    assert "s5" not in store.ids
    assert store.groups == [f"g{row // 4}" for row in range(12) if row != 5]
    assert store.read("vector", [5])[0, 0] == 6


def test_files_that_are_missing_are_told_before_anything_is_decoded(
    toy_source: Sources, tmp_path: Path
) -> None:
    asked: list[int] = []

    def load(row: int) -> Arrays:
        asked.append(row)
        raise InputError("gone")

    there = tmp_path / "there"
    there.touch()
    source = toy_source(
        load=load, sample_files=[[there], [], [there, tmp_path / "not there"], *[[there]] * 9]
    )
    assert source.lacking() == {
        1: "it is listed, but its file is missing",
        2: f"{tmp_path.name}/not there is missing",
    }
    with pytest.raises(InputError, match=r"^2 of 12 samples cannot be used:"):
        write_store(source, tmp_path / "store", skip_up_to=0.1)
    assert (asked, unfinished(tmp_path / "store").exists()) == ([], False)


def test_no_more_than_the_stated_share_is_skipped(
    toy_source: Sources, broken_load: Load, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        write_store(toy_source(load=broken_load), tmp_path / "store", skip_up_to=0.08)


def test_skipping_may_not_empty_a_part(toy_source: Sources, tmp_path: Path) -> None:
    def load(row: int) -> Arrays:
        if row > 8:
            raise InputError("gone")
        return {"vector": np.zeros(3, np.float32), "image": np.zeros((1, 2, 2), np.uint8)}

    with pytest.raises(InputError, match="split toy: its test part has no samples"):
        write_store(toy_source(load=load), tmp_path / "store", skip_up_to=1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(toy_source: Sources, tmp_path: Path, value: float) -> None:
    def load(row: int) -> Arrays:
        return {"vector": np.full(3, value, np.float32), "image": np.zeros((1, 2, 2), np.uint8)}

    with pytest.raises(InputError, match="s0: vector holds NaN or infinite numbers"):
        write_store(toy_source(load=load), tmp_path / "store")


def test_an_array_of_another_shape_is_refused(toy_source: Sources, tmp_path: Path) -> None:
    def load(row: int) -> Arrays:
        return {"vector": np.zeros(4, np.float32), "image": np.zeros((1, 2, 2), np.uint8)}

    with pytest.raises(InputError, match=r"vector is \[4\] float32 instead of \[3\] float32"):
        write_store(toy_source(load=load), tmp_path / "store")


def test_an_existing_folder_is_never_touched(toy_source: Sources, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_store(toy_source(), tmp_path)
    assert (tmp_path / "precious").read_text() == "mine"


def test_source_files_are_in_the_manifest_with_their_checksum(toy_source: Sources, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(b"")
    store = write_store(toy_source(files=[file]), tmp_path / "store")
    assert store.manifest["sources"] == {
        "table.csv": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    }


def test_progress_is_told_after_every_file(
    toy_source: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MOST_SHARD_SAMPLES", 5)
    done: list[int] = []
    write_store(toy_source(), tmp_path / "store", advance=done.append)
    assert done == [5, 5, 2]


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a/../../b", "..\\x", "", "a\nb"])
def test_ids_that_leave_a_folder_are_refused(toy_source: Sources, name: str) -> None:
    with pytest.raises(InputError, match="rename the sample"):
        toy_source(ids=[name, *(f"s{row}" for row in range(1, 12))])


def test_ids_too_long_for_a_file_name_are_refused(toy_source: Sources) -> None:
    with pytest.raises(InputError, match="has more than 255 characters") as caught:
        toy_source(ids=["x" * 10**6, *(f"s{row}" for row in range(1, 12))])
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", ["../x", "a/b", "a.b", "", "a b", "x" * 65, "a\n"])
def test_names_of_modalities_that_are_no_words_are_refused(toy_source: Sources, name: str) -> None:
    with pytest.raises(InputError, match="is no word"):
        toy_source(modalities={name: Modality(name, (3,), "float32")})


def test_duplicate_ids_are_named(toy_source: Sources) -> None:
    with pytest.raises(InputError, match="duplicate id: s3"):
        toy_source(ids=[f"s{min(row, 3)}" for row in range(12)])


def test_zero_samples_are_refused(toy_source: Sources) -> None:
    with pytest.raises(
        InputError, match=r"holds no samples of toy: check --source \(.*PREPARING\.md, Source folders"
    ):
        toy_source(ids=[], labels=np.zeros(0, np.int64), groups=[], splits={"toy": []})


def test_a_default_split_without_one_class_is_refused_before_work_starts(
    toy_source: Sources, tmp_path: Path
) -> None:
    source = toy_source(labels=np.array([0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0]))
    for ask in (lambda: source.with_default_split("toy"), lambda: write_store(source, tmp_path / "store")):
        with pytest.raises(InputError, match="split toy: its validation part has no sample of class yes"):
            ask()
    assert not list(tmp_path.iterdir())


def test_an_unknown_default_split_is_refused(toy_source: Sources) -> None:
    with pytest.raises(InputError, match="unknown split dnr: toy offers toy"):
        toy_source().with_default_split("dnr")


@pytest.fixture
def three_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve samples make three files."""
    monkeypatch.setattr(shards, "MOST_SHARD_SAMPLES", 5)


def interrupted_after(
    rows: int, by: BaseException | type[BaseException] = KeyboardInterrupt
) -> tuple[Load, list[int]]:
    """Loads that many samples, then is interrupted once; and the rows that were asked for."""
    asked: list[int] = []
    interruptions = iter([by])

    def load(row: int) -> Arrays:
        asked.append(row)
        if len(asked) > rows and (interruption := next(interruptions, None)):
            raise interruption
        return {"vector": np.full(3, row, np.float32), "image": np.full((1, 2, 2), row, np.uint8)}

    return load, asked


@pytest.mark.usefixtures("three_files")
def test_an_interruption_after_the_last_file_loses_none(
    toy_source: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, asked = interrupted_after(12)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(writer, "_manifest", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_store(toy_source(load=load), tmp_path / "store")
    asked.clear()
    assert len(write_store(toy_source(load=load), tmp_path / "store")) == 12
    assert asked == []


@pytest.mark.usefixtures("three_files")
@pytest.mark.parametrize("change", ["source", "file"])
def test_what_no_longer_holds_is_decoded_again(toy_source: Sources, tmp_path: Path, change: str) -> None:
    load, asked = interrupted_after(8)
    with pytest.raises(KeyboardInterrupt):
        write_store(toy_source(load=load), tmp_path / "store")
    (file,) = unfinished(tmp_path / "store").glob("*.arrow")
    if change == "file":
        file.write_bytes(file.read_bytes()[:-1])
    asked.clear()
    changed = {"labels": 1 - np.arange(12) % 2} if change == "source" else {}
    write_store(toy_source(load=load, **changed), tmp_path / "store")
    assert asked == list(range(12))


@pytest.mark.usefixtures("three_files")
def test_problems_of_an_earlier_start_are_not_forgotten(
    toy_source: Sources, broken_load: Load, tmp_path: Path
) -> None:
    asked: list[int] = []

    def load(row: int) -> Arrays:
        asked.append(row)
        if asked.count(10) == 1 and row == 10:
            raise KeyboardInterrupt
        return broken_load(row)

    with pytest.raises(KeyboardInterrupt):
        write_store(toy_source(load=load), tmp_path / "store", skip_up_to=0.1)
    store = write_store(toy_source(load=load), tmp_path / "store", skip_up_to=0.1)
    assert store.manifest["skipped"] == {"s5": "its file is broken"}
    assert asked == [*range(11), 5, *range(10, 12)]


def test_a_store_that_another_process_writes_is_refused(toy_source: Sources, tmp_path: Path) -> None:
    notes = unfinished(tmp_path / "store") / fingerprints.NOTES
    notes.mkdir(parents=True)
    with held(notes), pytest.raises(InputError, match="is being prepared by another process"):
        write_store(toy_source(), tmp_path / "store")
    write_store(toy_source(), tmp_path / "store")


WRITING = """
import sys, time
from dataclasses import replace
from pathlib import Path
from trainables.multimodal.data.adapters.features import read
from trainables.multimodal.data.preparing.writer import write_store

def load(row):
    print("decoding", flush=True)
    time.sleep(60)

write_store(replace(read(Path(sys.argv[1])), load=load), Path(sys.argv[2]))
"""


def test_the_store_of_a_killed_process_is_refused_while_it_lives_and_free_afterwards(tmp_path: Path) -> None:
    table = {"modality:x": np.arange(40.0).reshape(20, 2), "label": np.arange(20) % 2}
    np.savez(tmp_path / "t.npz", **table)
    source = features.read(tmp_path / "t.npz")
    command = [sys.executable, "-c", WRITING, str(tmp_path / "t.npz"), str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "decoding\n"
            with pytest.raises(InputError, match="is being prepared by another process"):
                write_store(source, tmp_path / "store")
        finally:
            other.kill()
    store = write_store(source, tmp_path / "store")
    assert sorted(path.name for path in store.path.iterdir()) == ["manifest.json", "samples-0000000.arrow"]
    assert not unfinished(tmp_path / "store").exists()


@pytest.mark.usefixtures("three_files")
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(28, "disk full"), InputError),
        (RuntimeError("out of memory"), RuntimeError),
    ],
)
def test_whatever_ends_the_work_keeps_what_is_done(
    toy_source: Sources, tmp_path: Path, error: BaseException, told: type[BaseException]
) -> None:
    load, asked = interrupted_after(8, error)
    with pytest.raises(told):
        write_store(toy_source(load=load), tmp_path / "store")
    assert not (tmp_path / "store").exists()
    asked.clear()
    store = write_store(toy_source(load=load), tmp_path / "store")
    assert asked == list(range(5, 12))
    assert store.digest == write_store(toy_source(load=load), tmp_path / "whole").digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "whole"]
    assert not (store.path / fingerprints.NOTES).exists()


@pytest.mark.usefixtures("three_files")
def test_a_larger_share_to_skip_goes_on_with_what_is_done(
    toy_source: Sources, broken_load: Load, tmp_path: Path
) -> None:
    asked: list[int] = []

    def load(row: int) -> Arrays:
        asked.append(row)
        return broken_load(row)

    with pytest.raises(InputError, match=r"--skip-up-to 0\.084; .* the same command goes on"):
        write_store(toy_source(load=load), tmp_path / "store")
    asked.clear()
    store = write_store(toy_source(load=load), tmp_path / "store", skip_up_to=0.1)
    assert asked == [5]
    assert store.manifest["skipped"] == {"s5": "its file is broken"}


@pytest.mark.usefixtures("three_files")
def test_a_problem_that_is_no_more_is_no_problem(
    toy_source: Sources, broken_load: Load, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="its file is broken"):
        write_store(toy_source(load=broken_load), tmp_path / "store")
    load, asked = interrupted_after(100)
    assert len(write_store(toy_source(load=load), tmp_path / "store")) == 12
    assert asked == [5, *range(5, 10)]


@pytest.mark.usefixtures("three_files")
@pytest.mark.parametrize(("own", "expected"), [(True, list(range(5, 10))), (False, list(range(12)))])
def test_a_repaired_file_concerns_the_samples_that_it_belongs_to(
    toy_source: Sources, tmp_path: Path, own: bool, expected: list[int]
) -> None:
    files = [tmp_path / f"{row}.raw" for row in range(12)]
    for file in files:
        file.write_bytes(b"good")
    files[7].write_bytes(b"bad")
    load, asked = interrupted_after(100)

    def decode(row: int) -> Arrays:
        if files[row].read_bytes() == b"bad":
            raise InputError("it is bad")
        return load(row)

    source = toy_source(files=files, load=decode, sample_files=[[file] for file in files] if own else ())
    with pytest.raises(InputError, match="s7: it is bad"):
        write_store(source, tmp_path / "store")
    asked.clear()
    files[7].write_bytes(b"repaired")
    assert len(write_store(source, tmp_path / "store")) == 12
    assert asked == expected


class Killed(BaseException):
    """What no code can hold up."""


@pytest.mark.usefixtures("three_files")
@pytest.mark.parametrize("step", ["rename", "rmtree"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_end_while_the_store_gets_its_name_loses_nothing(
    toy_source: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    load, asked = interrupted_after(100)
    owner = shutil if step == "rmtree" else Path
    step_itself = getattr(owner, step)

    def killed(path: Path, *rest: Any, **options: Any) -> None:
        if when == "after":
            step_itself(path, *rest, **options)
        raise Killed

    def fill_then_die(*arguments: Any) -> None:
        fill(*arguments)
        monkeypatch.setattr(owner, step, killed)

    fill = writer._fill
    with monkeypatch.context() as patched, contextlib.suppress(Killed):
        patched.setattr(writer, "_fill", fill_then_die)
        write_store(toy_source(load=load), tmp_path / "store")
    monkeypatch.undo()
    monkeypatch.setattr(shards, "MOST_SHARD_SAMPLES", 5)
    asked.clear()
    if (tmp_path / "store").exists():
        assert verify(tmp_path / "store").ids == toy_source().ids
    else:
        write_store(toy_source(load=load), tmp_path / "store")
    assert asked == []
    assert not unfinished(tmp_path / "store").exists()


DYING = """
import ctypes
import numpy as np

def load(row):
    if row == 8:
        ctypes.string_at(1)  # nobody may read there: the process ends
    return {"vector": np.zeros(3, np.float32), "image": np.zeros((1, 2, 2), np.uint8)}
"""


@pytest.mark.usefixtures("three_files", "processes_at_once")
def test_a_sample_over_which_processes_die_is_left_out_as_any_other(
    toy_source: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dying.py").write_text(DYING)
    monkeypatch.syspath_prepend(tmp_path)
    source = toy_source(load=importlib.import_module("dying").load)
    told: list[int] = []
    store = write_store(source, tmp_path / "store", skip_up_to=0.1, workers=2, advance=told.append)
    assert store.manifest["skipped"] == {"s8": fatal_samples.REASON}
    assert told == [5, 5, 2]


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Rows over which what should be processes die."""
    rows: set[int] = set()

    def in_turn(function: Callable[..., Any], shared: Source, items: list[Any], _: int) -> Iterator[Any]:
        for item in items:
            if item in rows:
                raise WorkerDied("a process died")
            yield function(shared, item)

    for module in (fatal_samples, writer):
        monkeypatch.setattr(module, "in_processes", in_turn)
    return rows


def leave_mark(out: Path, row: str) -> None:
    """What a process leaves that died at this row of the second shard."""
    (unfinished(out) / fingerprints.NOTES).mkdir(parents=True)
    (unfinished(out) / fingerprints.NOTES / f"5-10{fatal_samples.MARK}").write_text(row)


@pytest.mark.usefixtures("three_files")
def test_what_killed_an_earlier_start_is_named_and_can_be_skipped(
    toy_source: Sources, tmp_path: Path, deadly: set[int]
) -> None:
    load, asked = interrupted_after(100)
    leave_mark(tmp_path / "store", "8")
    deadly.add(8)
    with pytest.raises(InputError, match="s8: its decoder ended the process"):
        write_store(toy_source(load=load), tmp_path / "store")
    store = write_store(toy_source(load=load), tmp_path / "store", skip_up_to=0.1)
    assert store.manifest["skipped"] == {"s8": fatal_samples.REASON}
    assert asked == [row for row in range(12) if row != 8]


@pytest.mark.usefixtures("three_files", "deadly")
@pytest.mark.parametrize("mark", ["8", "99", ""])
def test_a_sample_that_was_at_hand_by_chance_is_no_problem(
    toy_source: Sources, tmp_path: Path, mark: str
) -> None:
    leave_mark(tmp_path / "store", mark)
    assert len(write_store(toy_source(), tmp_path / "store")) == 12


@pytest.mark.usefixtures("three_files")
def test_a_fatal_sample_is_tried_again_once_its_file_has_changed(
    toy_source: Sources, tmp_path: Path, deadly: set[int]
) -> None:
    files = [tmp_path / f"{row}.raw" for row in range(12)]
    for file in files:
        file.write_bytes(b"deadly")
    source = toy_source(files=files, sample_files=[[file] for file in files])
    leave_mark(tmp_path / "store", "8")
    deadly.add(8)
    with pytest.raises(InputError, match="s8: its decoder ended the process"):
        write_store(source, tmp_path / "store")
    files[8].write_bytes(b"repaired")
    assert len(write_store(source, tmp_path / "store")) == 12


def test_who_is_at_hand_when_processes_die_of_something_else_is_named(
    toy_source: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_mark(tmp_path / "store", "8")

    def die(function: Callable[..., Any], shared: Source, items: list[Any], _: int) -> Iterator[None]:
        (unfinished(tmp_path / "store") / fingerprints.NOTES / f"0-12{fatal_samples.MARK}").write_text("3")
        raise WorkerDied("a process died")

    monkeypatch.setattr(fatal_samples, "in_processes", lambda function, shared, items, count: iter(items))
    monkeypatch.setattr(writer, "in_processes", die)
    with pytest.raises(
        InputError, match=r"being decoded was s3, and alone none is fatal: use fewer --workers"
    ):
        write_store(toy_source(), tmp_path / "store")


def test_an_exception_leaves_no_mark(toy_source: Sources, tmp_path: Path) -> None:
    load, _ = interrupted_after(3)

    def marked(row: int) -> Arrays:
        assert fatal_samples.suspects(unfinished(tmp_path / "store")) == [row]
        return load(row)

    with pytest.raises(KeyboardInterrupt):
        write_store(toy_source(load=marked), tmp_path / "store")
    assert fatal_samples.suspects(unfinished(tmp_path / "store")) == []


@pytest.mark.usefixtures("processes_at_once")
def test_processes_write_the_same_files(
    raw: Path, tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MOST_SHARD_SAMPLES", 48)
    source = cremad.read(raw, tiny_recipe)
    soundfile.write(raw / f"AudioWAV/{source.ids[50]}.wav", np.zeros(16_000), 16_000)
    one, two = (write_store(source, tmp_path / f"store-{n}", workers=n) for n in (1, 2))
    assert one.digest == two.digest
    assert one.suspicious == two.suspicious == {"silent": [source.ids[50]]}
    first, second = ([file["crc32"] for file in store.manifest["files"]] for store in (one, two))
    assert first == second
    assert len(one.manifest["files"]) == 3


HELD = np.arange(12) % 3 > 0


@pytest.mark.parametrize("garbage", [np.nan, 7.0])
def test_what_is_absent_is_stored_as_zeros_whatever_was_loaded(
    toy_source: Sources, tmp_path: Path, garbage: float
) -> None:
    plain = toy_source(present={"vector": HELD})

    def load(row: int) -> Arrays:
        return (
            plain.load(row) if HELD[row] else {**plain.load(row), "vector": np.full(3, garbage, np.float32)}
        )

    store = write_store(toy_source(present={"vector": HELD}, load=load), tmp_path / "store")
    assert store.digest == write_store(plain, tmp_path / "plain").digest
    assert not store.read("vector", np.flatnonzero(~HELD)).any()


def test_what_is_absent_need_not_be_loaded(toy_source: Sources, tmp_path: Path) -> None:
    def load(row: int) -> Arrays:
        loaded = toy_source().load(row)
        return loaded if HELD[row] else {"image": loaded["image"]}

    store = write_store(toy_source(present={"vector": HELD}, load=load), tmp_path / "store")
    assert store.present["vector"].tolist() == HELD.tolist()


def test_what_is_absent_is_part_of_the_digest_and_survives_a_check(
    toy_source: Sources, tmp_path: Path
) -> None:
    def zeros(row: int) -> Arrays:
        return {**toy_source().load(row), "vector": np.zeros(3, np.float32)}

    masks = {"none": {}, "some": {"vector": HELD}, "all": {"vector": np.ones(12, bool)}}
    stores = {
        name: write_store(toy_source(present=mask, load=zeros), tmp_path / name)
        for name, mask in masks.items()
    }
    assert len({store.digest for store in stores.values()}) == 3
    assert verify(tmp_path / "some").present["vector"].tolist() == HELD.tolist()
    assert "present" not in stores["none"].manifest


@pytest.mark.usefixtures("processes_at_once")
def test_samples_that_are_held_are_written_by_this_process_alone(
    toy_source: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MOST_SHARD_SAMPLES", 2)
    monkeypatch.setattr(worker_processes, "in_processes", None)
    suspected: list[int] = []
    load, _ = interrupted_after(100)

    def watched(row: int) -> Arrays:
        suspected.extend(fatal_samples.suspects(unfinished(tmp_path / "store")))
        return load(row)

    assert len(write_store(toy_source(load=watched, in_memory=True), tmp_path / "store", workers=2)) == 12
    assert suspected == []


def test_no_process_is_sent_the_names_of_files(toy_source: Sources, tmp_path: Path) -> None:
    files = [tmp_path / f"{row}.raw" for row in range(12)]
    source = toy_source(files=files, sample_files=[[file] for file in files])
    sent = fatal_samples.without_fatal(tmp_path, fingerprints.fingerprints_of(source))
    assert (sent.files, sent.sample_files, sent.ids) == ([], (), source.ids)


def test_more_samples_than_the_limit_are_refused(
    toy_source: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MOST_SAMPLES", 11)
    with pytest.raises(InputError, match="holds 12 samples, and 11 are the limit: divide them"):
        toy_source()


def test_samples_larger_than_the_limit_are_refused(toy_source: Sources) -> None:
    wide = {"vector": Modality("vector", (2**24 + 1,), "float32")}
    with pytest.raises(InputError, match="has samples of 67108868 bytes, and 67108864 are the limit"):
        toy_source(modalities=wide)
