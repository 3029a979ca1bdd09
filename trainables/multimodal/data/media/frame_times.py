"""When the pictures of a film are shown.

Most films have a beat, from which time stamps stray only because they are rounded. Their frames are counted,
so that rounding decides nothing. In others, as telephones and screen recorders write them, a picture stays as
long as nothing changes: there the time stamps decide.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Stamp = tuple[int | None, int | None]
"""Ticks at which a picture comes and for which it stays; each is None or 0 where a container does not say."""


@dataclass(frozen=True)
class FrameTimes:
    """When the frames of a film are shown, in ticks of its stream."""

    starts: Sequence[int]
    """Ascending, one for each frame."""
    held: int
    """Ticks for which the last frame stays; 0 where nothing says so."""
    nominal: float
    """Ticks from frame to frame as the header has it; 0 where it says nothing."""

    @classmethod
    def of(cls, stamps: Iterable[Stamp], nominal: float) -> "FrameTimes":
        """Times of frames in any order; where one has no time, all come at the nominal beat."""
        frames = list(stamps)
        known = sorted((start, held or 0) for start, held in frames if start is not None)
        if not known or len(known) < len(frames):
            return cls([round(nominal * frame) for frame in range(len(frames))], 0, nominal)
        return cls([start for start, _ in known], known[-1][1], nominal)

    @property
    def beat(self) -> float:
        """Mean ticks from one frame to the next."""
        steps = len(self.starts) - 1
        return (self.starts[-1] - self.starts[0]) / steps if steps > 0 else self.nominal

    @property
    def length(self) -> int:
        """Ticks from the first frame to the end of the last."""
        return self.starts[-1] - self.starts[0] + (self.held or round(self.nominal or self.beat))

    @property
    def bounds(self) -> Sequence[int]:
        """Frame k is shown from `bounds[k]` up to `bounds[k + 1]`, in ticks or, with a beat, in frames.

        There is one where no frame strays from it by more than half of it.
        """
        if len(self.starts) < 2 or self._even:
            return range(len(self.starts) + 1)
        return [*self.starts, self.starts[0] + self.length]

    @property
    def _even(self) -> bool:
        beat = self.beat
        ends = [*self.starts, self.starts[-1] + max(self.held, beat)]
        return all(abs(end - ends[0] - frame * beat) <= beat / 2 for frame, end in enumerate(ends))
