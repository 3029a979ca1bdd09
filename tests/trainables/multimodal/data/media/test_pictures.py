"""Pictures: one size whatever they were, and nothing half-decoded."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base

from trainables.multimodal.data.media.pictures import Picture, open_picture
from trainables.multimodal.errors import InputError


def noise(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


def saved(file: Path, image: Image.Image, kind: str = "JPEG", **options: object) -> Path:
    image.save(file, kind, **options)
    return file


def header_says(file: Path, width: int, height: int) -> Path:
    """Change the size in the frame header of a jpg."""
    content = file.read_bytes()
    at = content.index(b"\xff\xc0") + 5
    file.write_bytes(content[:at] + struct.pack(">HH", height, width) + content[at + 4 :])
    return file


def pixels_of(file: Path, content: bytes) -> np.ndarray | None:
    """Pixels of a file with that content, None where it is refused."""
    file.write_bytes(content)
    try:
        return np.asarray(open_picture(file))
    except InputError:
        return None


def test_a_picture_is_squeezed_to_a_square(tmp_path: Path) -> None:
    wide = Image.new("RGB", (60, 20), (200, 0, 0))
    wide.paste((0, 0, 200), (30, 0, 60, 20))
    pixels = Picture(image_size=8)(saved(tmp_path / "a.jpg", wide, quality=95))
    assert (pixels.shape, pixels.dtype) == ((3, 8, 8), np.uint8)
    red, blue = pixels[0].astype(int), pixels[2].astype(int)
    assert (red[:, :3] > 150).all()
    assert (blue[:, 5:] > 150).all()


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "JPEG"), ("CMYK", "JPEG"), ("P", "GIF"), ("RGBA", "PNG"), ("1", "PNG"), ("RGB", "WEBP")],
)
def test_every_kind_of_picture_becomes_rgb_whatever_its_ending(tmp_path: Path, mode: str, kind: str) -> None:
    assert Picture(image_size=4)(saved(tmp_path / "a.jpg", noise(mode), kind)).shape == (3, 4, 4)


RED, GREEN, BLUE, GRAY = CORNERS = ((220, 30, 30), (30, 200, 30), (30, 30, 220), (128, 128, 128))


def corners(shown: tuple[tuple[int, int, int], ...] = CORNERS) -> Image.Image:
    """Four colours: above left, above right, below left, below right."""
    return Image.fromarray(np.array(shown, np.uint8).reshape(2, 2, 3)).resize(
        (48, 32), Image.Resampling.NEAREST
    )


def colours(image: Image.Image) -> tuple[tuple[int, int, int], ...]:
    """The nearest of these colours at each corner."""
    width, height = image.size
    places = [(x, y) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    pixels = [np.array(image.getpixel(place), int) for place in places]
    return tuple(min(CORNERS, key=lambda colour: np.abs(pixel - colour).sum()) for pixel in pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "held"),
    [
        (1, (RED, GREEN, BLUE, GRAY)),
        (2, (GREEN, RED, GRAY, BLUE)),
        (3, (GRAY, BLUE, GREEN, RED)),
        (4, (BLUE, GRAY, RED, GREEN)),
        (5, (RED, BLUE, GREEN, GRAY)),
        (6, (GREEN, GRAY, RED, BLUE)),
        (7, (GRAY, GREEN, BLUE, RED)),
        (8, (BLUE, RED, GRAY, GREEN)),
        (9, (RED, GREEN, BLUE, GRAY)),
    ],
)
def test_a_picture_is_read_as_a_viewer_shows_it(
    tmp_path: Path, kind: str, orientation: int, held: tuple[tuple[int, int, int], ...]
) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    image = open_picture(saved(tmp_path / "a.jpg", corners(held), kind, exif=exif))
    assert colours(image) == CORNERS
    assert image.size == ((32, 48) if orientation in (5, 6, 7, 8) else (48, 32))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_damaged_exif_data_never_end_a_preparation(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[Base.Orientation], exif[Base.Make], exif[Base.XResolution] = 6, "a maker of phones", 72.0
    content = saved(tmp_path / "a.jpg", corners(), kind, exif=exif).read_bytes()
    first = content.index(exif.tobytes()[6:])
    last = first + len(exif.tobytes()) - 6
    draw = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for place in draw.integers(first, last, 4):
            damaged[place] = draw.integers(0, 256)
        pixels = pixels_of(tmp_path / "a.jpg", damaged)
        assert pixels is not None
        assert pixels.shape in {(32, 48, 3), (48, 32, 3)}


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGBA", "PNG"), ("RGBA", "WEBP"), ("P", "PNG"), ("P", "GIF"), ("CMYK", "JPEG"), ("RGB", "MPO")],
)
def test_colours_are_kept_whatever_they_are_coded_as(tmp_path: Path, mode: str, kind: str) -> None:
    assert colours(open_picture(saved(tmp_path / "a.png", corners().convert(mode), kind))) == CORNERS


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "MPO"])
def test_the_first_of_several_pictures_is_read(tmp_path: Path, kind: str) -> None:
    others = [corners((GRAY,) * 4), corners((BLUE,) * 4)]
    file = saved(tmp_path / "a.gif", corners(), kind, save_all=True, append_images=others)
    assert colours(open_picture(file)) == CORNERS


@pytest.mark.parametrize("levels", [256, 65_536])
def test_gray_values_of_8_and_16_bit_reach_from_black_to_white(tmp_path: Path, levels: int) -> None:
    ramp = np.linspace(0, levels - 1, 256).astype(np.uint8 if levels == 256 else np.uint16)
    pixels = np.asarray(open_picture(saved(tmp_path / "a.png", Image.fromarray(ramp[None]), "PNG")))
    assert np.abs(pixels[0] - np.arange(256)[:, None]).max() <= 1


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpg_cut_anywhere_is_refused_unless_all_its_pixels_are_there(
    tmp_path: Path, progressive: bool
) -> None:
    whole = saved(tmp_path / "whole.jpg", noise(size=(16, 12)), progressive=progressive)
    content, pixels = whole.read_bytes(), np.asarray(open_picture(whole))
    cuts = [pixels_of(tmp_path / "cut.jpg", content[:length]) for length in range(1, len(content))]
    accepted = [found for found in cuts if found is not None]
    assert len(accepted) < 16
    assert all(np.array_equal(found, pixels) for found in accepted)


@pytest.mark.parametrize("size", [(4097, 4096), (12_000, 8000), (65_000, 65_000)])
def test_a_picture_too_large_is_refused_by_its_header(tmp_path: Path, size: tuple[int, int]) -> None:
    file = header_says(saved(tmp_path / "a.jpg", noise()), *size)
    with pytest.raises(InputError, match=r"a\.jpg has more than 16777216 pixels"):
        open_picture(file)


def test_a_picture_of_the_largest_size_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainables.multimodal.data.media.pictures.MOST_PICTURE_PIXELS", 40 * 30)
    assert open_picture(saved(tmp_path / "a.jpg", noise())).size == (40, 30)
    with pytest.raises(InputError, match="pixels"):
        open_picture(saved(tmp_path / "b.jpg", noise(size=(40, 31))))


def test_other_decoders_never_see_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot identify"):
        open_picture(saved(tmp_path / "a.jpg", noise(), "TIFF"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"no picture", "is no readable picture"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git-LFS pointer"),
        (None, "is missing"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.jpg.* {complaint}"):
        open_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_damaged_bytes_end_in_a_sentence_or_a_picture(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    noise(size=(16, 12)).save(buffer, kind)
    draw = np.random.default_rng(0)
    found = []
    for _ in range(300):
        content = bytearray(buffer.getvalue())
        for place in draw.integers(0, len(content), 3):
            content[place] = draw.integers(0, 256)
        found.append(pixels_of(tmp_path / "a.jpg", content))
    assert any(pixels is None for pixels in found)


def test_a_colour_picture_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tmp_path / "a.jpg", noise())
    monkeypatch.setattr(Image.Image, "convert", None)
    assert open_picture(file).mode == "RGB"
