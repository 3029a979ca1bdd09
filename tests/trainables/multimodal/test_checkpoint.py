import pytest
import torch

from trainables.multimodal.checkpoint import CheckpointError, read_checkpoint, write_checkpoint

STATE = {"weights": torch.arange(5.0), "nested": [{"epoch": 3, "name": "a"}, None, 0.5, (1, 2)]}


@pytest.fixture
def path(tmp_path):
    write_checkpoint(tmp_path / "state.pt", STATE)
    return tmp_path / "state.pt"


class Payload:
    def __reduce__(self):
        return print, ("this code must never run",)


def test_what_was_written_is_read(path):
    state = read_checkpoint(path)
    assert torch.equal(state["weights"], STATE["weights"])
    assert state["nested"] == STATE["nested"]


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.999])
def test_a_checkpoint_cut_short_is_noticed(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError, match=r"state\.pt"):
        read_checkpoint(path)


@pytest.mark.parametrize("position", [3, 30, 100, -1])
def test_one_flipped_bit_is_noticed(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"state\.pt"):
        read_checkpoint(path)


def test_a_missing_checkpoint_is_an_error_of_the_same_kind(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(tmp_path / "none.pt")


def test_code_in_a_checkpoint_never_runs(tmp_path, capsys):
    write_checkpoint(tmp_path / "evil.pt", {"payload": Payload()})
    with pytest.raises(CheckpointError, match="something else than plain data"):
        read_checkpoint(tmp_path / "evil.pt")
    assert capsys.readouterr().out == ""


def test_a_failed_write_leaves_the_old_checkpoint_and_nothing_else(path):
    with pytest.raises(AttributeError):
        write_checkpoint(path, {"function": lambda: None})
    assert read_checkpoint(path)["nested"] == STATE["nested"]
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_was_discarded_is_not_made_again(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_checkpoint(tmp_path / "discarded" / "state.pt", STATE)
    assert list(tmp_path.iterdir()) == []
