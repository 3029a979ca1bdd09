"""From the raw layouts of Twitter15 and Sarcasm to trained epochs, through both command lines."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import raw_tweets

from study.prepare import main as prepare
from study.studies import STUDIES
from trainables.multimodal.data.preparing import verify
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.train import main as train

pytestmark = pytest.mark.usefixtures("few_restarts")
WRITERS = {"twitter15": raw_tweets.write_twitter15, "sarcasm": raw_tweets.write_sarcasm}
SMALL = ("width=.1", "hidden=16", "d_model=16", "layers=1", "batch_size=12", "lr=.02", "threads=1")
Trained = Callable[..., list[float]]


def prepared(name: str, folder: Path, *options: str) -> Path:
    raw = WRITERS[name](folder / "raw")
    given = ["--source", str(raw), "--out", str(folder / "store"), "--image-size", "32", *options]
    assert prepare([name, *given]) == 0
    return folder / "store"


@pytest.fixture
def trained(capsys: pytest.CaptureFixture[str]) -> Trained:
    """Training losses of four epochs."""

    def run(store: Path, balancer: str, *settings: str) -> list[float]:
        given = [f"--set={setting}" for setting in (*SMALL, *settings)]
        capsys.readouterr()
        assert train(["--data", str(store), "--epochs", "4", "--balancer", balancer, *given]) == 0
        printed = capsys.readouterr().out
        return [float(loss) for loss in re.findall(r"train/loss ([0-9.]+)", printed)]

    return run


@pytest.mark.parametrize("name", WRITERS)
def test_a_prepared_store_is_whole_and_found_again(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = FeatureStore.open(prepared(name, tmp_path))
    assert verify.verify(store.path).digest == store.digest
    assert "split official (default): train 24, validation 12, test 12" in capsys.readouterr().out
    prepared(name, tmp_path)
    assert "holds this data set already" in capsys.readouterr().out


@pytest.mark.parametrize("balancer", ["joint", "boosting"])
@pytest.mark.parametrize("name", WRITERS)
def test_vectors_of_text_are_trained_on(name: str, balancer: str, tmp_path: Path, trained: Trained) -> None:
    store = prepared(name, tmp_path, "--recipe-set", "text_features=256")
    assert [m.shape for m in FeatureStore.open(store).modalities.values()] == [(3, 32, 32), (256,)]
    losses = trained(store, balancer)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("encoder", ["transformer", "resnet18"])
@pytest.mark.parametrize("balancer", ["joint", "boosting"])
def test_sequences_of_text_are_trained_on(
    balancer: str, encoder: str, tmp_path: Path, trained: Trained
) -> None:
    pytest.importorskip("transformers", reason="the package transformers (extra `text`) is not installed")
    model = raw_tweets.write_text_model(tmp_path / "model")
    chosen = ["--recipe", "frozen-text", "--recipe-set", f"text_model={model}", "--recipe-set", "tokens=16"]
    store = prepared("twitter15", tmp_path, *chosen)
    assert [m.shape for m in FeatureStore.open(store).modalities.values()] == [(3, 32, 32), (16, 16)]
    losses = trained(store, balancer, f"encoders={{'text':'{encoder}'}}")
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", WRITERS)
def test_each_has_the_four_studies(name: str) -> None:
    found = [study for study, line in STUDIES.items() if line.dataset == name]
    assert found == [f"{name}_{question}" for question in ("dr", "boosting", "dr_boosting", "compare")]
