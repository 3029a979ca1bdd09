"""What data sets of texts and pictures have in common."""

from pathlib import Path

import pytest

from trainables.multimodal.data.text_image import LONGEST_LINE, Row, faults, leak, read_lines
from trainables.multimodal.errors import InputError


def row(name: str, part: str = "train", image: str = "a.jpg", text: str = "a day") -> Row:
    return Row(name, part, image, text, 0)


def test_rows_without_text_and_repeated_rows_are_no_samples() -> None:
    rows = [row("r0"), row("r1", text=" "), row("r2", image="b.jpg"), row("r3", "test"), row("r4", text="b")]
    assert faults(rows) == {1: "its text is empty", 3: "it repeats picture and text of r0"}


def test_a_picture_in_two_parts_is_counted_with_the_samples_that_show_it() -> None:
    rows = [row("r0"), row("r1", "validation"), row("r2", "test"), row("r3", "test", "b.jpg"), row("r4")]
    assert leak(rows).startswith("the published split shows 1 of 2 pictures in several parts (2 samples of")


def test_a_picture_shared_inside_a_part_is_no_leak() -> None:
    assert leak([row("r0"), row("r1"), row("r2", "test", "b.jpg"), row("r3", "test", "b.jpg")]) == ""


def test_only_newlines_end_a_line(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes("\ufeffa\u2028b\x85c\x1cd\r\ne \n".encode())
    assert read_lines(tmp_path / "t.txt") == ["a\u2028b\x85c\x1cd", "e "]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"caf\xe9\n", "is no text in UTF-8"),
        (b"ok\n" + b"x" * (LONGEST_LINE + 1), "line 2 has 10001 characters"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(InputError, match=rf"t\.txt.* {complaint}"):
        read_lines(tmp_path / "t.txt")
