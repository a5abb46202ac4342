"""The day in quarter-hours as the coordinates of a drawing. Pure: numbers in, numbers and paths out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LEFT, RIGHT = 46.0, 610.0
TOP, FLOOR = 44.0, 236.0  # the line of arrivals
BARS_TOP, BARS_FLOOR = 286.0, 370.0  # what became of them
QUARTERS_A_DAY = 96
DAY = (28, 76)  # quarters 7:00 to 19:00 are always drawn, so that the picture does not breathe in the morning


@dataclass(frozen=True, slots=True)
class Quarter:
    """Contacts whose wait is over, by the local quarter-hour in which they began."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    kind: str  # answered | abandoned


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the grid, or a label of the axis, at `at`."""

    at: float
    text: str

    @property
    def text_at(self) -> float:
        """Where text beside a horizontal line stands, so that the line meets its middle."""
        return self.at + 5


@dataclass(frozen=True, slots=True)
class Drawing:
    today: str
    before: str  # "" without data of a week ago
    bars: tuple[Bar, ...]
    grid: tuple[Line, ...]
    hours: tuple[Line, ...]
    bars_most: int
    now_x: float | None
    now_label_before: bool  # the label stands left of the line, because right of it there is no room
    last: tuple[float, float, int] | None  # the newest whole quarter: x, y, contacts

    @property
    def now_label_x(self) -> float:
        return (self.now_x or 0.0) + (-8 if self.now_label_before else 8)


def quarter_of(hour: int, minute: int) -> int:
    """0 to 95."""
    return hour * 4 + minute // 15


def draw(today: Mapping[int, Quarter], before: Mapping[int, Quarter], now: int | None) -> Drawing:
    """`today` and `before` by quarter (0-95); `now` the running quarter, None when the day is over."""
    seen = [*today, *before, *([now] if now is not None else [])]
    first = min([DAY[0], *seen]) // 4 * 4
    end = -(-max([DAY[1], *(each + 1 for each in seen)]) // 4) * 4
    width = (RIGHT - LEFT) / (end - first)
    most = nice(max([1, *(q.offered for q in today.values()), *(q.offered for q in before.values())]))
    bars_most = nice(max([1, *(q.answered + q.abandoned for q in today.values())]))

    def x(quarter: float) -> float:
        return round(LEFT + (quarter - first) * width, 1)

    def y(count: float) -> float:
        return round(FLOOR - (FLOOR - TOP) * count / most, 1)

    whole = now if now is not None else end  # the running quarter is not drawn: it would always look like a fall
    points = [
        (x(q + 0.5), y(today.get(q, Quarter()).offered)) for q in range(first, whole) if today and q >= min(today)
    ]
    then = [(x(q + 0.5), y(before.get(q, Quarter()).offered)) for q in range(first, end)] if before else []
    newest = (*points[-1], today.get(whole - 1, Quarter()).offered) if points else None
    now_x = x(now + 0.5) if now is not None else None
    return Drawing(
        today=path(points),
        before=path(then),
        bars=tuple(_bars(today, x, width, bars_most)),
        grid=tuple(Line(y(count), str(count)) for count in steps(most)),
        hours=tuple(Line(x(q), f"{q // 4}:00") for q in range(first + 4, end, 8)),
        bars_most=bars_most,
        now_x=now_x,
        now_label_before=bool(now_x and now_x > RIGHT - 110),
        last=newest,
    )


def _bars(today: Mapping[int, Quarter], x, width: float, most: int):
    scale = (BARS_FLOOR - BARS_TOP) / most
    for number, quarter in sorted(today.items()):
        answered, abandoned = quarter.answered * scale, quarter.abandoned * scale
        left, wide = round(x(number) + 0.75, 1), round(max(1.0, width - 1.5), 1)
        if answered:
            yield Bar(left, round(BARS_FLOOR - answered, 1), wide, round(answered, 1), "answered")
        if abandoned:
            yield Bar(left, round(BARS_FLOOR - answered - abandoned, 1), wide, round(abandoned, 1), "abandoned")


def path(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{'L' if n else 'M'}{px:g} {py:g}" for n, (px, py) in enumerate(points))


def nice(most: int) -> int:
    """The next of 4, 8, 20, 40, 80, 200 ...: it divides into four whole steps."""
    size = 1
    while True:
        for step in (4, 8, 20):
            if most <= step * size:
                return step * size
        size *= 10


def steps(most: int) -> list[int]:
    return [most * n // 4 for n in range(5)]


def level_x(share: float, width: float = 88.0) -> float:
    """Where a share of one stands on the rail of a queue's row."""
    return round(min(1.0, max(0.0, share)) * width, 1)
