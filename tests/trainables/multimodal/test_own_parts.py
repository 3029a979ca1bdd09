"""Parts by import path: found or refused with their name, told from other versions, and documented."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import raw_tweets
import torch
from safetensors.torch import save_file

from trainables.multimodal import own_parts
from trainables.multimodal.balancers.diagnose_relearn import DiagnoseRelearn
from trainables.multimodal.data.datasets import read_source
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.errors import InputError
from trainables.multimodal.methods import method_named
from trainables.multimodal.model import load_model
from trainables.multimodal.networks import own_networks
from trainables.multimodal.own_parts import digest, import_path, is_own, own_part, require_unchanged

DOCUMENT = Path(own_parts.__file__).with_name("OWN_PARTS.md")
EXAMPLES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))
WORDS = ("what a awful day", "a plain day", "what a lovely day in rain")
TOKENS, PIXELS, SAMPLES = 8, 32, 48


class Known:
    """A class of a module that others can import."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that modules are imported from; they are forgotten afterwards."""
    place = tmp_path / "code"
    place.mkdir()
    monkeypatch.syspath_prepend(place)
    before = set(sys.modules)
    digest.cache_clear()
    yield place
    digest.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("my_"):
            del sys.modules[name]


@pytest.fixture
def package(folder):
    """A package with a part, a sibling, and data."""
    inner = folder / "my_package"
    (inner / "blocks").mkdir(parents=True)
    (inner / "__init__.py").write_text("")
    (inner / "nets.py").write_text("class Net:\n    class Inner:\n        pass\n")
    (inner / "blocks" / "one.py").write_text("SIZE = 1\n")
    (inner / "notes.txt").write_text("nothing")
    return inner


@pytest.mark.parametrize(
    ("name", "own"),
    [
        *((name, True) for name in ("a:B", "a.b_1:B.C", "_a:b")),
        *((name, False) for name in ("mlp", "a.b", "a:", ":B", "a b:C", "1a:B", "a:b:c", "../a:B", None, 3)),
    ],
)
def test_an_import_path_has_a_module_and_a_name(name, own):
    assert is_own(name) == own


def test_a_part_is_found_in_a_package_and_in_a_class(package):
    assert own_part("my_package.nets:Net.Inner").__qualname__ == "Net.Inner"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("my_absent:Net", r"my_absent:Net cannot be imported \(ModuleNotFoundError: No module named"),
        ("my_package.nets:Nut", r"my_package.nets:Nut is not there: my_package.nets holds no Nut"),
        ("my_package.broken:Net", r"my_package.broken:Net cannot be imported \(SyntaxError: .*folder where"),
        ("my_package.raising:Net", r"cannot be imported \(KeyError: 'weights'\)"),
        ("__main__:Net", r"__main__:Net is known to one process only"),
    ],
)
def test_a_part_that_is_not_there_is_named_with_the_cause(package, path, said):
    (package / "broken.py").write_text("class Net(:\n")
    (package / "raising.py").write_text("{}['weights']\n")
    with pytest.raises(InputError, match=said):
        own_part(path)


def test_classes_of_others_have_a_path_and_those_that_travel_as_objects_none():
    class Local:
        pass

    assert import_path(Known) == f"{__name__}:Known"
    assert import_path(Local) is None
    assert import_path(DiagnoseRelearn) is None


@pytest.mark.parametrize("file", ["nets.py", "blocks/one.py"])
def test_a_changed_file_of_the_package_gives_another_digest(package, file):
    before = digest("my_package.nets:Net")
    digest.cache_clear()
    (package / file).write_text((package / file).read_text() + "\n")
    with pytest.raises(InputError, match=r"my_package.nets:Net is another one .* --fresh"):
        require_unchanged({"my_package.nets:Net": before})


@pytest.mark.parametrize("file", ["notes.txt", ".venv/lib.py"])
def test_what_is_no_code_of_the_package_leaves_the_digest(package, file):
    before = digest("my_package.nets:Net")
    digest.cache_clear()
    (package / file).parent.mkdir(exist_ok=True)
    (package / file).write_text("other")
    require_unchanged({"my_package.nets:Net": before})


def test_a_copy_elsewhere_has_the_same_digest(package, tmp_path, monkeypatch):
    before = digest("my_package.nets:Net")
    monkeypatch.setattr(sys.modules["my_package"], "__path__", [str(package.rename(tmp_path / "moved"))])
    digest.cache_clear()
    require_unchanged({"my_package.nets:Net": before})


def test_of_a_package_in_two_folders_the_first_file_counts(folder, tmp_path, monkeypatch):
    for place in (folder, tmp_path / "copy"):
        (place / "my_space").mkdir(parents=True)
        (place / "my_space" / "nets.py").write_text("class Net:\n    pass\n")
    before = digest("my_space.nets:Net")
    both = [str(place / "my_space") for place in (folder, tmp_path / "copy")]
    monkeypatch.setattr(sys.modules["my_space"], "__path__", both)
    digest.cache_clear()
    require_unchanged({"my_space.nets:Net": before})


def test_files_that_a_part_names_belong_to_it(folder, tmp_path):
    weights = tmp_path / "weights"
    weights.write_text("one")
    (folder / "my_files.py").write_text(f"class Net:\n    files = ({str(weights)!r},)\n")
    before = digest("my_files:Net")
    weights.write_text("two")
    digest.cache_clear()
    with pytest.raises(InputError, match="my_files:Net is another one"):
        require_unchanged({"my_files:Net": before})
    digest.cache_clear()
    weights.unlink()
    with pytest.raises(InputError, match=r"my_files:Net needs .*weights, which cannot be read: No such file"):
        digest("my_files:Net")


# -- the document's examples -------------------------------------------------------------------------------


@pytest.fixture
def examples(folder):
    """The files of the document, which may be changed: `examples(name, old, new, ...)` writes one."""

    def write(name, *changes):
        text = EXAMPLES[name]
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert old in text
            text = text.replace(old, new)
        (folder / name).write_text(text)

    return write


@pytest.fixture
def stored(tmp_path):
    """Writes a store of own features from an npz."""

    def write(file):
        return str(write_store(read_source("features", file), tmp_path / "store").path)

    return write


@pytest.fixture
def words(tmp_path, stored):
    """A store with sequences that end in padding, and vectors."""
    draw, label = np.random.default_rng(0), np.arange(SAMPLES) % 3
    text = (label[:, None, None] + draw.normal(size=(SAMPLES, 6, 5))).astype(np.float32)
    text[::2, 4:] = 0
    np.savez(tmp_path / "words.npz", label=label, **{"modality:text": text, "modality:age": text[:, 0]})
    return stored(tmp_path / "words.npz")


@pytest.fixture
def run(few_restarts):
    """Builds a small run."""

    def build(data, balancer="joint", **settings):
        small = {"epochs": 2, "batch_size": 12, "hidden": 6, "d_model": 8, "threads": 1, "device": "cpu"}
        return method_named(balancer).build({"data": data, **small, **settings})

    return build


def weights(trainer):
    return {name: value.clone() for name, value in trainer.model.encoders.state_dict().items()}


def test_the_gru_reads_the_last_step_that_is_no_padding(examples):
    examples("my_nets.py")
    spec = SimpleNamespace(d_model=4, layers=1)
    encoder, steps = own_part("my_nets:GRU")((6, 5), spec), torch.randn(2, 6, 5)
    steps[0, 3:] = 0
    torch.testing.assert_close(encoder(steps)[:1], encoder(steps[:1, :3]))


@pytest.mark.parametrize("method", ["joint", "diagnose_relearn"])
def test_the_gru_trains_and_goes_on_as_if_never_stopped(examples, words, run, method):
    examples("my_nets.py")
    own = {"encoders": {"text": "my_nets:GRU"}, "epochs": 3}
    whole, first, rest = (run(words, method, **own) for _ in range(3))
    whole.fit()
    first.run_epoch()
    rest.load_constants(first.constants())
    rest.load_state_dict(first.state_dict())
    rest.fit()
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(rest)[name])


def test_an_exported_model_names_its_parts_and_is_loaded_again(examples, words, run, tmp_path, recwarn):
    examples("my_nets.py")
    examples("my_fusion.py")
    trainer = run(words, encoders={"text": "my_nets:GRU"}, fusion="my_fusion:Gated")
    trainer.fit()
    trainer.export(tmp_path / "best")
    arrays = {name: trainer.store.read(name, np.arange(4)) for name in ("text", "age")}
    loaded = load_model(tmp_path / "best")
    assert loaded.spec.encoders == {"text": "my_nets:GRU"}
    assert loaded.predict(arrays).shape == (4, 3)
    assert not recwarn.list
    digest.cache_clear()
    examples("my_nets.py", "Encoders of my own", "My encoders")
    with pytest.warns(UserWarning, match="my_nets:GRU has changed since"):
        load_model(tmp_path / "best")


def test_a_model_whose_part_is_gone_is_refused_with_its_name(examples, words, run, tmp_path, folder):
    examples("my_nets.py")
    trainer = run(words, encoders={"text": "my_nets:GRU"}, epochs=1)
    trainer.fit()
    trainer.export(tmp_path / "best")
    (folder / "my_nets.py").unlink()
    del sys.modules["my_nets"]
    with pytest.raises(InputError, match=r"best holds no exported model .*my_nets:GRU cannot be imported"):
        load_model(tmp_path / "best")


def test_the_text_model_trains_from_its_folder(examples, stored, run, tmp_path, folder):
    pytest.importorskip("transformers", reason="the package transformers (extra `text`) is not installed")
    model = raw_tweets.write_text_model(tmp_path / "bert")
    examples("my_text.py", 'Path("/models/bert-base-uncased")', f"Path({str(model)!r})")
    examples("my_tokens.py")
    texts = [WORDS[number % 3] for number in range(SAMPLES)]
    file = tmp_path / "tweets.npz"
    own_part("my_tokens:write_tokens")(file, texts, np.arange(SAMPLES) % 3, length=TOKENS)
    own = {"encoders": {"text": "my_text:Bert"}}
    trainer = run(stored(file), "diagnose_relearn", **own, lr=0.05, every=1)
    before = weights(trainer)
    history = trainer.fit()
    after = weights(trainer)
    assert history[-1]["train/loss"] < history[0]["train/loss"]
    assert not torch.equal(
        before["text.bert.embeddings.word_embeddings.weight"],
        after["text.bert.embeddings.word_embeddings.weight"],
    )


@pytest.fixture
def pictures(tmp_path, stored):
    """A store of pictures."""
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (SAMPLES, 3, PIXELS, PIXELS), dtype=np.uint8)
    np.savez(tmp_path / "pictures.npz", label=np.arange(SAMPLES) % 3, **{"modality:image": image})
    return stored(tmp_path / "pictures.npz")


def test_the_picture_model_begins_with_the_weights_of_a_file(examples, pictures, run, tmp_path):
    from torchvision import models

    examples("my_pictures.py", "resnet50(weights", "resnet18(weights")  # which is small
    published = models.resnet18(weights=None).state_dict()
    torch.save(published, tmp_path / "resnet.pth")
    given = {"encoders": {"image": "my_pictures:resnet50"}, "freeze_epochs": 1}
    trainer = run(pictures, initial_weights={"image": str(tmp_path / "resnet.pth")}, **given)
    trainer.run_epoch()
    assert torch.equal(weights(trainer)["image.layer4.1.conv2.weight"], published["layer4.1.conv2.weight"])


def test_d_and_r_returns_a_model_of_timm_to_the_weights_of_its_file(examples, pictures, run, tmp_path):
    timm = pytest.importorskip("timm", reason="the package timm (extra `vision`) is not installed")
    published = timm.create_model("test_convnext", num_classes=0).state_dict()
    file = tmp_path / "weights.safetensors"
    save_file(published, file)
    examples("my_timm.py", "/models/convnext_tiny.safetensors", str(file), "convnext_tiny", "test_convnext")
    trainer = run(pictures, "diagnose_relearn", encoders={"image": "my_timm:ConvNeXt"}, lr=0.05, every=1)
    initial = trainer.balancers[0].constants()["encoders"]["image"]
    assert all(torch.equal(initial[f"body.{name}"], value) for name, value in published.items())
    trainer.fit()
    assert trainer.balancers[0].relearnings > 0


def test_the_method_is_trained_by_its_path(examples, words, run):
    examples("my_methods.py")
    examples("my_nets.py")
    still = {"share": 0.0, "weight_decay": 0.0, "encoders": {"text": "my_nets:GRU"}}
    trainer = run(words, "my_methods:Damped", **still)
    before = weights(trainer)
    trainer.fit()
    assert all(torch.equal(value, before[name]) for name, value in weights(trainer).items())


@pytest.mark.parametrize("path", ["my_methods:BEGIN", "my_methods:InputError"])
def test_what_is_no_method_is_refused(examples, path):
    examples("my_methods.py")
    with pytest.raises(InputError, match=f"{path} is neither a subclass of Balancer in .* nor a Method"):
        method_named(path)


def test_the_gate_leaves_out_what_is_absent(examples):
    examples("my_fusion.py")
    fusion = own_networks.own_fusion("my_fusion:Gated")({"a": 3, "b": 2}, 4, {})
    features = {"a": torch.zeros(2, 3), "b": torch.randn(2, 2)}
    output = fusion(features, {"a": torch.tensor([False, True])})
    torch.testing.assert_close(output.fused[0], output.unimodal["b"][0])
