"""CREMA-D's human votes as a data set of two modalities."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score

from trainables.multimodal.data.adapters import cremad_votes
from trainables.multimodal.data.source import Source
from trainables.multimodal.errors import InputError

HEADER = ",A,D,F,H,N,S,fileName\n"


def write_table(root: Path, *extra: str) -> None:
    """Three actors, every emotion; the voice is heard right by 3 of 4, the face seen right by all 4."""
    lines = []
    for number, (actor, label) in enumerate((a, c) for a in (1001, 1002, 1003) for c in range(6)):
        clip = f"{actor}_DFA_{cremad_votes.CLASSES[label]}_XX"
        heard = [3 * (c == label) + (c == (label + 1) % 6) for c in range(6)]
        seen = [4 * (c == label) for c in range(6)]
        for presentation, counts in ((1, heard), (2, seen), (3, seen)):
            lines.append(f"{presentation * 100_000 + number},{','.join(map(str, counts))},{clip}")
    (root / cremad_votes.TABLE).write_text(HEADER + "\n".join([*lines, *extra]) + "\n")


def test_modalities_are_shares_of_votes(tmp_path: Path) -> None:
    write_table(tmp_path)
    source = cremad_votes.read(tmp_path)
    arrays = source.load(source.ids.index("1002_DFA_FEA_XX"))
    assert arrays["voice"].tolist() == [0, 0, 0.75, 0.25, 0, 0]
    assert arrays["face"].tolist() == [0, 0, 1, 0, 0, 0]


def test_the_label_is_the_emotion_in_the_name(tmp_path: Path) -> None:
    write_table(tmp_path)
    source = cremad_votes.read(tmp_path)
    assert [source.classes[label] for label in source.labels[:2]] == ["ANG", "DIS"]
    assert source.groups is not None
    assert source.groups[0] == "1001"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("100099,1,0,0,0,0,0,1001_DFA_ANG_XX", "duplicate id 1001_DFA_ANG_XX for the voice"),
        ("100099,many,0,0,0,0,0,1009_DFA_ANG_XX", "line 56 cannot be read"),
        ("100099,1,0", "line 56 cannot be read"),
        ("100099,1,0,0,0,0,0", "line 56 cannot be read"),
        ("100099,1,0,0,0,0,0,../../x", "is no clip name"),
    ],
)
def test_a_row_that_cannot_be_right_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    write_table(tmp_path, line)
    with pytest.raises(InputError, match=complaint):
        cremad_votes.read(tmp_path)


def test_a_clip_without_votes_is_named_when_it_is_loaded(tmp_path: Path) -> None:
    write_table(tmp_path, "100099,1,0,0,0,0,0,1003_IEO_ANG_HI")
    source = cremad_votes.read(tmp_path)
    with pytest.raises(InputError, match="no votes on its face"):
        source.load(source.ids.index("1003_IEO_ANG_HI"))


def test_a_listed_clip_without_votes_is_in_no_part(tmp_path: Path) -> None:
    write_table(tmp_path)
    (tmp_path / "train.csv").write_text("1001_DFA_ANG_XX,ANG\n1009_DFA_ANG_XX,ANG\n")
    (tmp_path / "test.csv").write_text("1002_DFA_ANG_XX,ANG\n")
    source = cremad_votes.read(tmp_path)
    row = source.ids.index("1009_DFA_ANG_XX")
    assert {parts[row] for parts in source.splits.values()} == {""}
    with pytest.raises(InputError, match="no votes on its voice"):
        source.load(row)


@pytest.mark.parametrize("text", ["", "some,other,table\n1,2,3\n"])
def test_another_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / cremad_votes.TABLE).write_text(text)
    with pytest.raises(InputError, match=r"is empty|lacks the columns"):
        cremad_votes.read(tmp_path)


@pytest.fixture(scope="module")
def real_votes(real_data: Path) -> Source:
    return cremad_votes.read(real_data / "crema_d_meta")


def test_the_real_table_is_complete(real_votes: Source) -> None:
    assert (len(real_votes.ids), len(set(real_votes.groups or []))) == (7442, 91)
    folds = {f"actor-disjoint-{fold}" for fold in range(1, 6)}
    assert set(real_votes.splits) == {"actor-disjoint", "official", "dnr", *folds}


def test_every_fold_of_the_real_table_can_be_used(real_votes: Source) -> None:
    for fold in range(1, 6):
        real_votes.require_split(f"actor-disjoint-{fold}")


@pytest.mark.parametrize(
    ("modalities", "expected"), [(["voice"], 0.567), (["face"], 0.724), (["voice", "face"], 0.776)]
)
def test_plain_logistic_regression_reaches_what_is_known(
    real_votes: Source, modalities: list[str], expected: float
) -> None:
    rows = range(0, len(real_votes.ids), 3)
    loaded = [real_votes.load(row) for row in rows]
    features = np.array([np.concatenate([arrays[name] for name in modalities]) for arrays in loaded])
    groups = [(real_votes.groups or [])[row] for row in rows]
    model = LogisticRegression(max_iter=300)
    scores = cross_val_score(model, features, real_votes.labels[::3], groups=groups, cv=GroupKFold(7))
    assert scores.mean() == pytest.approx(expected, abs=0.02)
