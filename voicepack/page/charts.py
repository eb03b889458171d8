"""Charts as inline SVG, coloured by the page's style sheet: light and dark, sharp at any size, readable as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

# Small, so that text of 12 units is still readable where a phone shrinks the picture.
_WIDTH, _HEIGHT = 400, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 8, 38
_COLOURS = 9  # in report.css
_LINE = 14  # of text
_LETTER = 7.5  # of bold text, about
_FEW = 12  # points of a line that are worth a dot each

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """One axis: what it shows, from where to where."""

    title: str
    low: float
    high: float

    @classmethod
    def over(cls, title: str, values: Sequence[float]) -> Axis:
        """Return an axis that holds all values, with a little air."""
        low, high = min(values), max(values)
        air = 0.05 * (high - low) or 0.5
        return cls(title, low - air, high + air)

    def ticks(self) -> list[float]:
        """Return up to six round values on the axis."""
        span = self.high - self.low
        step = next(
            base * 10.0**power for power in range(-6, 7) for base in (1, 2, 5) if span / (base * 10.0**power) <= 5
        )
        first = -(-self.low // step)
        count = int((self.high - first * step) // step) + 1
        return [(first + index) * step for index in range(count)]


@dataclass(frozen=True)
class Plane:
    """The two axes, and where a point of theirs is in the picture."""

    across: Axis
    up: Axis

    def place(self, point: Point) -> Point:
        """Return a point in units of the picture, from its upper left corner."""
        right = (point[0] - self.across.low) / (self.across.high - self.across.low)
        above = (point[1] - self.up.low) / (self.up.high - self.up.low)
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * right, _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * above

    def draw(self) -> list[str]:
        """Return the grid, the numbers at it and the titles of the axes."""
        parts = []
        for value in self.across.ticks():
            right, _ = self.place((value, self.up.low))
            parts.append(f'<line class="grid" x1="{right:.1f}" x2="{right:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
            parts.append(f'<text x="{right:.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{value:g}</text>')
        for value in self.up.ticks():
            _, down = self.place((self.across.low, value))
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{down:.1f}" y2="{down:.1f}"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{down + 4:.1f}" text-anchor="end">{value:g}</text>')
        across, up = escape(self.across.title), escape(self.up.title)
        parts.append(f'<text x="{(_WIDTH + _LEFT) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{across}</text>')
        middle = (_HEIGHT - _BOTTOM + _TOP) / 2
        parts.append(f'<text transform="translate(11 {middle}) rotate(-90)" text-anchor="middle">{up}</text>')
        return parts


def line_chart(title: str, series: Mapping[str, Sequence[Point]], x: str, y: str) -> str:
    """Draw named lines, with a legend under the picture; nothing if there are no points."""
    points = [point for some in series.values() for point in some]
    if not points:
        return ""
    plane = Plane(Axis.over(x, [point[0] for point in points]), Axis.over(y, [point[1] for point in points]))
    parts = plane.draw()
    for number, some in enumerate(series.values()):
        placed = [plane.place(point) for point in some]
        path = " ".join(f"{right:.1f},{down:.1f}" for right, down in placed)
        parts.append(f'<polyline class="line {_colour(number)}" points="{path}"/>')
        parts += [_dot(point, number) for point in placed if len(placed) <= _FEW]
    keys = {
        name: f'<line class="line {_colour(number)}" x1="0" x2="28" y1="5" y2="5"/>'
        for number, name in enumerate(series)
    }
    return _picture(title, parts) + _legend(keys)


def scatter_chart(title: str, cloud: Sequence[Point], x: str, y: str, named: Mapping[str, Point] | None = None) -> str:
    """Draw a cloud of points, and a few that carry their names beside them."""
    some = dict(named or {})
    points = [*cloud, *some.values()]
    if not points:
        return ""
    plane = Plane(Axis.over(x, [point[0] for point in points]), Axis.over(y, [point[1] for point in points]))
    parts = plane.draw() + [_dot(plane.place(point), 0) for point in cloud]
    placed = {name: plane.place(point) for name, point in some.items()}
    parts += [_dot(point, 1, radius=5) for point in placed.values()]
    return _picture(title, parts + _names(placed))


def equality_chart(title: str, cloud: Sequence[Point], x: str, y: str) -> str:
    """Draw a cloud of points on two axes of the same scale, and the line where both are equal."""
    if not cloud:
        return ""
    values = [value for point in cloud for value in point]
    plane = Plane(Axis.over(x, values), Axis.over(y, values))
    (left, bottom), (right, top) = (plane.place((end, end)) for end in (plane.across.low, plane.across.high))
    diagonal = f'<line class="equal" x1="{left:.1f}" y1="{bottom:.1f}" x2="{right:.1f}" y2="{top:.1f}"/>'
    return _picture(title, [*plane.draw(), diagonal, *(_dot(plane.place(point), 0) for point in cloud)])


def _picture(title: str, parts: Sequence[str]) -> str:
    head = f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">'
    return "".join([head, *parts, "</svg>"])


def _legend(keys: Mapping[str, str]) -> str:
    """Return the legend as text beside the picture: it wraps on a phone and covers nothing."""
    items = (
        f'<li><svg class="key" viewBox="0 0 28 10" aria-hidden="true">{key}</svg> {escape(name)}</li>'
        for name, key in keys.items()
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


def _names(placed: Mapping[str, Point]) -> list[str]:
    """Write the names beside their points where there is room, else below; each below another that it would cover."""
    parts = []
    taken: list[tuple[float, float, float]] = []  # left, right, height
    for name, (right, down) in sorted(placed.items(), key=lambda item: (item[1][1], item[0])):
        width, height = _LETTER * len(name), down + 4
        if right + 9 + width <= _WIDTH:
            left, anchor = right + 9, "start"
        elif right - 9 - width >= _LEFT:
            left, anchor = right - 9 - width, "end"
        else:
            left, anchor, height = _WIDTH - width, "end", height + _LINE
        while any(left < end and start < left + width and abs(height - other) < _LINE for start, end, other in taken):
            height += 1
        taken.append((left, left + width, height))
        at = left if anchor == "start" else left + width
        parts.append(f'<text class="label" x="{at:.1f}" y="{height:.1f}" text-anchor="{anchor}">{escape(name)}</text>')
    return parts


def _dot(point: Point, number: int, radius: int = 3) -> str:
    return f'<circle class="{_colour(number)}" cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="{radius}"/>'


def _colour(number: int) -> str:
    return f"colour-{number % _COLOURS}"
