"""Links that lead out of a source folder are refused, or followed where the folder says so."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from trainables.multimodal.data.media.file_checks import FollowedPath, folders_below, inside, require_content
from trainables.multimodal.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a file, beside a store of others."""
    for name in ("store/one.wav", "store/deep/two.wav", "root/own.wav", "root/sub/three.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path / "root"


LINKS = {
    "a file": ("a.wav", "../store/one.wav", "a.wav"),
    "a file with an absolute target": ("a.wav", "{store}/one.wav", "a.wav"),
    "a folder": ("clips", "../store", "clips/one.wav"),
    "a folder far down": ("sub/clips", "../../store/deep", "sub/clips/two.wav"),
    "a link to a link": ("a", "b", "a/one.wav"),
    "nothing": ("a.wav", "../store/gone.wav", "a.wav"),
}


def link(root: Path, name: str, target: str) -> None:
    (root / "b").symlink_to("../store")
    (root / name).symlink_to(target.format(store=root.parent / "store"))


@pytest.mark.parametrize(("name", "target", "file"), LINKS.values(), ids=LINKS.keys())
def test_a_link_out_of_the_root_is_followed_only_where_that_is_allowed(
    root: Path, name: str, target: str, file: str
) -> None:
    link(root, name, target)
    with pytest.raises(InputError, match=rf"{file} leaves the source folder .* with --follow-links"):
        inside(root, file)
    assert inside(FollowedPath(root), file) == root / file


@pytest.mark.parametrize("name", ["../store/one.wav", "/etc/passwd", "sub/../../store/one.wav", ".."])
@pytest.mark.parametrize("kind", [Path, FollowedPath])
def test_a_name_that_leads_out_is_never_followed(root: Path, name: str, kind: type[Path]) -> None:
    with pytest.raises(InputError, match=r"leaves the source folder .*: remove the \.\./"):
        inside(kind(root), name)


@pytest.mark.parametrize("target", ["own.wav", "sub/three.wav", "sub/../own.wav"])
def test_a_link_that_stays_in_the_root_needs_no_permission(root: Path, target: str) -> None:
    (root / "a.wav").symlink_to(target)
    assert inside(root, "a.wav") == root / "a.wav"


@pytest.mark.parametrize("follow", [False, True])
def test_a_link_in_a_circle_is_no_file(root: Path, follow: bool) -> None:
    (root / "a.wav").symlink_to("b.wav")
    (root / "b.wav").symlink_to("a.wav")
    with pytest.raises(InputError, match=r"a\.wav.*(names no file|is missing)"):
        require_content(inside(FollowedPath(root) if follow else root, "a.wav"))


def test_a_link_to_nothing_is_named_with_what_is_missing(root: Path) -> None:
    (root / "a.wav").symlink_to("../store/gone.wav")
    with pytest.raises(
        InputError, match=r"root/a\.wav is missing: it is a link, and \.\./store/gone\.wav is not"
    ):
        require_content(root / "a.wav")


def test_the_permission_goes_with_every_path_made_of_the_root(root: Path) -> None:
    followed = pickle.loads(pickle.dumps(FollowedPath(root)))
    made = [followed, followed.resolve(), followed / "sub", followed.parent, next(followed.glob("*.wav"))]
    assert {type(path) for path in made} == {FollowedPath}
    assert followed == root


def found(root: Path) -> list[str]:
    return [str((folder / name).relative_to(root)) for folder, names in folders_below(root) for name in names]


def test_linked_folders_are_entered_where_that_is_allowed(root: Path) -> None:
    (root / "clips").symlink_to("../store")
    with pytest.raises(InputError, match="clips leaves the source folder"):
        found(root)
    expected = ["own.wav", "clips/one.wav", "clips/deep/two.wav", "sub/three.wav"]
    assert found(FollowedPath(root)) == expected


CIRCLES: dict[str, Callable[[Path], None]] = {
    "to the root": lambda root: (root / "sub" / "up").symlink_to(".."),
    "to itself": lambda root: (root / "sub" / "self").symlink_to("self"),
    "from outside": lambda root: (root.parent / "store" / "back").symlink_to("../root"),
    "outside": lambda root: (root.parent / "store" / "deep" / "up").symlink_to(".."),
    "twice": lambda root: (root / "again").symlink_to("../store/deep"),
}


@pytest.mark.parametrize("close", CIRCLES.values(), ids=CIRCLES.keys())
def test_every_folder_is_entered_once(root: Path, close: Callable[[Path], None]) -> None:
    (root / "clips").symlink_to("../store")
    close(root)
    names = [Path(name).name for name in found(FollowedPath(root))]
    assert sorted(name for name in names if name.endswith("wav")) == sorted(set(names) - {"self"})


def test_many_files_cost_no_resolved_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "resolve", None)
    monkeypatch.setattr(os.path, "realpath", None)
    assert inside(root, "sub/three.wav").is_file()
