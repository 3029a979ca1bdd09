"""Figures for wide and narrow, light and dark screens."""

import re

import pytest
from matplotlib.figure import Figure

from study.reporting.drawing import files, style


@pytest.fixture
def figure() -> Figure:
    """A curve in the colour of a method that is dark on a dark screen."""
    with style.style():
        figure, (axes,) = style.panels(style.COLUMN, 1)
        axes.plot([0, 1], [0, 1], color="#3b3b98")
        axes.set_title("A title that is far too long for the one line of a narrow page, and wraps")
        return figure


def test_colours_follow_a_dark_screen_and_print_stays_light(figure) -> None:
    with style.style():
        svg = files.picture(figure)
    assert svg.startswith("<svg")
    assert "stroke: var(--3b3b98)" in svg
    assert "svg{--" in svg
    assert "--3b3b98:#3b3b98;" in svg
    (dark,) = re.findall(r"@media screen and \(prefers-color-scheme:dark\)\{svg\{(.*?)\}\}", svg)
    assert "--3b3b98:#8f8ff0;" in dark
    assert not [colour for colour in files.DARK if f": {colour}" in svg]


@pytest.mark.parametrize("look", [*style.LOOKS, *style.OTHERS, style.BASELINE_LOOK], ids=str)
@pytest.mark.parametrize("ground", ["light", "dark"])
def test_every_method_stands_out_from_its_page(look, ground) -> None:
    on_dark = ground == "dark"
    colour = files.DARK.get(look.colour, look.colour) if on_dark else look.colour
    paper = files.DARK["#ffffff"] if on_dark else "#ffffff"
    assert _contrast(colour, paper) >= (3 if on_dark else 2)


def _contrast(first: str, second: str) -> float:
    """Ratio of luminances as WCAG defines it."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_figure_is_saved_for_screens_and_for_print(figure, tmp_path) -> None:
    files.save(figure, tmp_path / "curve")
    starts = {path.suffix: path.read_bytes()[:5] for path in tmp_path.iterdir()}
    assert starts == {".png": b"\x89PNG\r", ".svg": b"<?xml", ".pdf": b"%PDF-"}


def test_the_same_figure_gives_the_same_file(figure, tmp_path) -> None:
    with style.style():
        for stem in ("first", "second"):
            files.save(figure, tmp_path / stem)
    for kind in files.FORMATS:
        first, second = (tmp_path / f"{stem}.{kind}" for stem in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()


def test_marks_of_a_picture_have_short_names_that_lead_to_them(figure) -> None:
    figure.axes[0].plot([0, 0.5, 1], [1, 0.5, 0], "o")
    figure.axes[0].plot([0, 0.5, 1], [1, 0.7, 0], "s")
    with style.style():
        svg = files.picture(figure)
    asked = re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', svg)
    assert len(asked) > 6
    assert {re.sub("[0-9]+", "", name) for name in asked} == {"n"}
    for name in asked:
        assert svg.count(f'id="{name}"') == 1


def test_titles_wrap_and_a_layout_is_made_once(figure) -> None:
    files.arrange(figure, sample=False)
    assert max(map(len, figure.axes[0].get_title().split("\n"))) * 0.082 <= style.COLUMN
    place = figure.axes[0].get_position().bounds
    figure.axes[0].set_title("short")
    figure.draw_without_rendering()
    assert figure.axes[0].get_position().bounds == place


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (3, 1), (13, 2)])
def test_panels_stand_below_each_other_on_a_narrow_page(count, columns) -> None:
    with style.style(style.NARROW):
        figure, panels = style.panels(style.PAGE, count)
    assert figure.get_figwidth() == style.NARROW
    assert len(panels) == count
    assert panels[0].get_subplotspec().get_gridspec().ncols == columns


def test_lists_of_methods_stand_below_each_other_on_a_narrow_page() -> None:
    with style.style(style.NARROW):
        figure, panels = style.listed(2, 5)
    assert [panel.get_subplotspec().rowspan.start for panel in panels] == [0, 1]
    with style.style():
        wide, _ = style.listed(2, 5)
    assert figure.get_figheight() == 2 * wide.get_figheight()


@pytest.mark.parametrize("width", [style.PAGE, style.NARROW])
@pytest.mark.parametrize("letters", [8, 20, 36, 60])
def test_the_mark_of_generated_data_covers_no_title(width, letters) -> None:
    with style.style(width):
        figure = Figure(figsize=(width, 2.0))
        figure.subplots()
        figure.suptitle(("letters " * 10)[:letters].strip())
        files.arrange(figure, sample=True)
        title, mark = (text.get_window_extent() for text in (figure._suptitle, *figure.texts[-1:]))
    lines = figure.get_suptitle().count("\n") + 1
    first = title.y1 - title.height / lines  # of the line that is left free
    assert title.x1 < mark.x0 or (figure.get_suptitle().startswith("\n") and first <= mark.y0)


def test_numbers_that_are_written_in_a_picture_keep_their_digits(figure) -> None:
    figure.axes[0].set_yticks([0.0025, 0.1234567], ["0.0025", "0.1234567"])
    with style.style():
        svg = files.picture(figure)
    assert ">0.0025<" in svg
    assert ">0.1234567<" in svg
    assert not re.search(r'[ "]\d+\.\d{3}', svg)
