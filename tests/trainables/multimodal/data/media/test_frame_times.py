"""Films without a beat are looked at by time, all others by the number of a frame."""

from itertools import product

import pytest

from trainables.multimodal.data.media.frame_times import FrameTimes
from trainables.multimodal.data.media.video import evenly_spaced, shown_evenly


def chosen(starts: list[int], held: int = 0, wanted: int = 5, nominal: float = 0) -> list[int]:
    return shown_evenly(FrameTimes.of([(start, held) for start in starts], nominal).bounds, wanted)


@pytest.mark.parametrize("rate", [10, 15, 23.976, 24, 25, 29.97, 30, 50, 60])
def test_rounded_times_of_a_film_with_a_beat_decide_nothing(rate: float) -> None:
    for first, count in product((0, 83, -40), (1, 2, 7, 10, 59, 60, 300)):
        starts = [first + round(1000 * frame / rate) for frame in range(count)]
        assert chosen(starts, round(1000 / rate), 10) == chosen(starts, 0, 10) == evenly_spaced(count, 10)


def test_times_that_tremble_decide_nothing() -> None:
    trembling = [40 * frame + (-1) ** frame * 9 for frame in range(50)]
    assert chosen(trembling, wanted=7) == evenly_spaced(50, 7)


@pytest.mark.parametrize(
    ("starts", "held", "expected"),
    [
        pytest.param([0, 10, 20, 30, 500], 500, [3, 3, 4, 4, 4], id="slides after a film"),
        pytest.param([0, 500, 510, 520, 530], 470, [0, 0, 1, 4, 4], id="a film after a slide"),
        pytest.param([0, 10, 20, 30, 40], 960, [4, 4, 4, 4, 4], id="the last picture stays"),
        pytest.param([7000, 7010, 7020, 7030, 7500], 500, [3, 3, 4, 4, 4], id="the start is not zero"),
        pytest.param([30, 500, 0, 10, 20], 500, [3, 3, 4, 4, 4], id="in the order of decoding"),
        pytest.param([0, 10, 20, 20, 500], 500, [3, 3, 4, 4, 4], id="two at the same time"),
    ],
)
def test_without_a_beat_the_picture_at_each_moment_is_taken(
    starts: list[int], held: int, expected: list[int]
) -> None:
    assert chosen(starts, held) == expected


def test_where_a_container_does_not_say_how_long_the_last_picture_stays_its_rate_does() -> None:
    times = FrameTimes.of([(start, None) for start in (0, 10, 20, 30, 500)], 100.0)
    assert (times.length, times.bounds[-1]) == (600, 600)


@pytest.mark.parametrize("unknown", [0, 2, 4])
def test_frames_without_a_time_come_at_the_nominal_beat(unknown: int) -> None:
    stamps = [(None if frame == unknown else 1000 * frame**2, 40) for frame in range(5)]
    times = FrameTimes.of(stamps, 33.3)
    assert (times.bounds, times.length) == (range(6), 166)


@pytest.mark.parametrize(("nominal", "length"), [(40.0, 40), (0, 0)])
def test_a_single_picture_stays_as_long_as_one_of_its_rate(nominal: float, length: int) -> None:
    times = FrameTimes.of([(5, None)], nominal)
    assert (times.bounds, times.beat, times.length) == (range(2), nominal, length)
