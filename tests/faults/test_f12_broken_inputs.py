"""F12: inputs are broken; prepare names every one, refuses, and leaves nothing that looks like a store."""

import numpy as np
import pytest

from study.prepare import main

COUNT = 60
LABEL = np.arange(COUNT) % 3
SOUND = np.random.default_rng(0).normal(size=(COUNT, 4)).astype(np.float32)


def with_value(value):
    """Features of which one number is another."""
    changed = SOUND.copy()
    changed[7, 2] = value
    return {"modality:sound": changed}


BROKEN = {
    "not a number": (with_value(np.nan), "7: sound holds NaN or infinite numbers"),
    "infinite": (with_value(np.inf), "7: sound holds NaN or infinite numbers"),
    "twice the same id": ({"id": np.array(["same"] * COUNT)}, "duplicate id: same"),
    "an id that leads out": ({"id": np.array(["../../x", *map(str, range(COUNT - 1))])}, "leaves its folder"),
    "a class of one sample": ({"label": np.array([3, *LABEL[1:]])}, "3"),
    "fewer labels": ({"label": LABEL[:-1]}, "label"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_f12_broken_features_are_refused_by_name_and_leave_no_store(tmp_path, capsys, kind):
    arrays, named = BROKEN[kind]
    np.savez(tmp_path / "own.npz", **{"label": LABEL, "modality:sound": SOUND, **arrays})
    out = tmp_path / "store"
    assert main(["features", "--source", str(tmp_path / "own.npz"), "--out", str(out)]) == 2
    complained = capsys.readouterr().err
    assert named in complained
    assert "Traceback" not in complained
    assert not out.exists()
