import pytest

from trainables.multimodal.model import load_model
from trainables.multimodal.train import main

SMALL = [f"--set={pair}" for pair in ("width=.05", "hidden=6", "batch_size=12", "device=cpu", "threads=1")]


def command(store, *more):
    return ["--data", str(store), "--epochs", "2", *SMALL, *more]


def test_one_configuration_is_trained_and_its_metrics_printed(toy_store, capsys):
    assert main(command(toy_store(2), "--balancer", "diagnose_relearn", "--set", "every=1")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert "validation/accuracy" in lines[0]
    assert "relearning/vector/strength" in lines[1]


def test_a_modality_alone_is_trained_by_its_name(toy_store, capsys):
    assert main(command(toy_store(2), "--balancer", "unimodal_vector", "--epochs", "1")) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "validation/vector/accuracy" in line
    assert line.count("validation/") == 4  # loss, accuracy, macro-F1 and the one probe


def test_the_best_weights_are_exported_on_request(toy_store, tmp_path):
    assert main(command(toy_store(2), "--export", str(tmp_path / "best"))) == 0
    assert load_model(tmp_path / "best").classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--set", "lam=3"], "unknown setting lam"),
        (["--balancer", "unheard"], "unknown method unheard"),
        (["--balancer", "unimodal_nose"], "no modality nose"),
        (["--set", "lr=fast"], "lr must be a number > 0, got 'fast'"),
        (["--set", "epochs=9"], "--set epochs says again what --epochs says"),
        (["--set", "lr"], "--set takes key=value, got 'lr'"),
        (["--set", "split=unheard"], "unknown split unheard"),
        (["--balancer", "diagnose_relearn", "--set", "every=0"], "every must be >= 1, got 0"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(toy_store, capsys, arguments, sentence):
    assert main(command(toy_store(1), *arguments)) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert sentence in errors[0]


def test_missing_data_is_bad_input(tmp_path, capsys):
    assert main(command(tmp_path / "nowhere")) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_diverged_run_says_so(toy_store, capsys):
    assert main(command(toy_store(1), "--set", "lr=1e30")) == 1
    assert "diverged: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--epochs", "two"],
            "argument --epochs: invalid int value: 'two'; --help lists the options",
        ),
        (["--nose"], "unrecognized arguments: --nose; --help lists the options"),
    ],
)
def test_bad_usage_is_one_sentence_and_exit_code_2(toy_store, capsys, arguments, sentence):
    assert main(command(toy_store(1), *arguments)) == 2
    assert capsys.readouterr().err == f"trainables.multimodal.train: {sentence}\n"


def test_what_makes_a_method_what_it_is_cannot_be_set_otherwise(toy_store, capsys):
    assert main(command(toy_store(2), "--balancer", "boosting_no_heads", "--set", "max_heads=3")) == 2
    assert "max_heads is 1 in this method and cannot be 3" in capsys.readouterr().err
