"""What data sets of texts and pictures have in common."""

from trainables.multimodal.data.adapters.text_image_rows import TextImageRow, faults, leak


def row(name: str, part: str = "train", image: str = "a.jpg", text: str = "a day") -> TextImageRow:
    return TextImageRow(name, part, image, text, 0)


def test_rows_without_text_and_repeated_rows_are_no_samples() -> None:
    rows = [row("r0"), row("r1", text=" "), row("r2", image="b.jpg"), row("r3", "test"), row("r4", text="b")]
    assert faults(rows) == {1: "its text is empty", 3: "it repeats picture and text of r0"}


def test_a_picture_in_two_parts_is_counted_with_the_samples_that_show_it() -> None:
    rows = [row("r0"), row("r1", "validation"), row("r2", "test"), row("r3", "test", "b.jpg"), row("r4")]
    assert leak(rows).startswith("the published split shows 1 of 2 pictures in several parts (2 samples of")


def test_a_picture_shared_inside_a_part_is_no_leak() -> None:
    assert leak([row("r0"), row("r1"), row("r2", "test", "b.jpg"), row("r3", "test", "b.jpg")]) == ""
