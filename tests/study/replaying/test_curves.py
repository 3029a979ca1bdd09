import gzip
import os
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from study.replaying.curves import read_table, recorded
from study.replaying.measures import rank_correlations
from trainables.multimodal.errors import InputError

HEAD = "lr,kind,n_epochs,valid_error,test_error,seconds\n"
ROWS = (
    "0.1,b,1,.5,.6,2\n0.1,b,2,.4,.5,1\n"  # the longer run was measured as quicker
    "0.01,a,1,.3,.3,1\n0.01,a,2,.35,.3,2\n"  # the longer run was measured as worse
    "0.01,b,1,.9,.9,1\n0.01,b,2,.8,.9,2\n"
)


def written(tmp_path, text):
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_a_table_becomes_curves_that_only_rise(tmp_path):
    curves = read_table(written(tmp_path, HEAD + ROWS))
    assert (curves.name, curves.epochs, curves.sign) == ("table", 2, -1)
    by_params = {tuple(curve.params.values()): curve for curve in curves.curves}
    assert by_params.keys() == {(0, 0), (0, 1), (1, 1)}  # levels by their places: lr .01 and .1, kind a and b
    assert by_params[0, 0].values == (-0.3, -0.3)
    assert by_params[1, 1].values == (-0.5, -0.4)
    assert by_params[1, 1].seconds == (2.0, 2.0)
    assert curves.best == -0.3


def test_numbers_are_searched_in_order_and_words_without_one(tmp_path):
    space = read_table(written(tmp_path, HEAD + ROWS)).space
    assert space == {"lr": IntDistribution(0, 1), "kind": CategoricalDistribution([0, 1])}


def test_without_seconds_an_epoch_takes_one(tmp_path):
    curves = read_table(written(tmp_path, "lr,n_epochs,valid_error\n1,4,.5\n1,8,.4\n2,4,.5\n2,8,.3\n"))
    assert {curve.seconds for curve in curves.curves} == {(4.0, 8.0)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "cannot be read"),
        ("lr,n_epochs\n1,1\n", "no column valid_error"),
        ("n_epochs,valid_error\n1,.5\n2,.5\n", "no column of a hyperparameter"),
        (HEAD, "in every one of its rows"),
        (HEAD + ROWS + "0.1,a,1,,.2,1\n", "in every one of its rows"),
        (HEAD + ROWS + "0.1,a,1,bad,.2,1\n", "must be numbers"),
        (HEAD + ROWS + "0.1,a,1,.2,.2,1\n", "measured once at each"),
        (HEAD + ROWS + "0.1,b,1,.5,.6,2\n", "measured once at each"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        read_table(written(tmp_path, text))


def test_bytes_that_are_no_table_are_refused(tmp_path):
    for name, content in (
        ("a.csv.gz", b"no gzip"),
        ("b.csv", b"\xff\xfe\x00"),
        ("c.csv.gz", gzip.compress(b"a")[:9]),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            read_table(tmp_path / name)
    with pytest.raises(InputError, match=r"missing\.csv"):
        read_table(tmp_path / "missing.csv")


def test_a_study_gives_the_curves_that_are_known_to_their_end(synthetic):
    trials = synthetic().search("joint", 0.6).records  # one of the six was stopped, one diverged
    curves = recorded("joint", trials, 12)
    assert [len(curve.epochs) for curve in curves.curves] == [12, 12, 1, 12, 12]
    assert [curves.whole(curve) for curve in curves.curves] == [True, True, False, True, True]
    assert curves.left_out == 1
    assert curves.curves[0].values[-1] == trials[0].value
    assert curves.curves[0].seconds[:2] == (1.5, 3.0)


def test_a_study_without_whole_trials_cannot_be_replayed(synthetic):
    with pytest.raises(InputError, match="fewer than two search trials of joint"):
        recorded("joint", synthetic().search("joint", 0.6).records, 13)


@pytest.mark.skipif("STUDY_TEST_DATA" not in os.environ, reason="needs real data")
def test_the_real_grid_has_the_correlations_of_its_readme():
    path = Path(os.environ["STUDY_TEST_DATA"]) / "hpo_tables" / "logreg_grid.csv.gz"
    if not path.exists():
        pytest.skip(f"no {path}")
    curves = read_table(path)
    assert (len(curves.curves), curves.epochs, curves.best) == (968, 2560, -0.0685)
    rungs = [row["correlation"] for row in rank_correlations(curves, (5, 10, 20, 40, 80, 160, 320))]
    assert rungs == pytest.approx([0.838, 0.885, 0.928, 0.966, 0.991, 0.998, 1], abs=0.0006)
