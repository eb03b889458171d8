"""Charts as inline SVG, coloured by the page's style sheet: light and dark, sharp at any size, readable as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 30, 40

Points = Sequence[tuple[float, float]]


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


def line_chart(title: str, series: Mapping[str, Points], x: str, y: str) -> str:
    """Draw named lines; the legend is part of the picture."""
    return _chart(title, series, x, y, lines=True)


def scatter_chart(title: str, series: Mapping[str, Points], x: str, y: str, labels: bool = False) -> str:
    """Draw named clouds of points. With `labels` a cloud of one point carries its name beside it."""
    return _chart(title, series, x, y, lines=False, labels=labels)


def _chart(title: str, series: Mapping[str, Points], x: str, y: str, *, lines: bool, labels: bool = False) -> str:
    points = [point for some in series.values() for point in some]
    if not points:
        return ""
    across, up = Axis.over(x, [point[0] for point in points]), Axis.over(y, [point[1] for point in points])

    def place(point: tuple[float, float]) -> tuple[float, float]:
        wide, tall = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        right = (point[0] - across.low) / (across.high - across.low)
        above = (point[1] - up.low) / (up.high - up.low)
        return _LEFT + wide * right, _HEIGHT - _BOTTOM - tall * above

    parts = [f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">']
    for value in across.ticks():
        right, _ = place((value, up.low))
        parts.append(f'<line class="grid" x1="{right:.1f}" x2="{right:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{right:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{value:g}</text>')
    for value in up.ticks():
        _, down = place((across.low, value))
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{down:.1f}" y2="{down:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{down + 4:.1f}" text-anchor="end">{value:g}</text>')
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(x)}</text>')
    parts.append(f'<text transform="translate(12 {_HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(y)}</text>')
    for number, (name, some) in enumerate(series.items()):
        placed = [place(point) for point in some]
        if lines:
            path = " ".join(f"{right:.1f},{down:.1f}" for right, down in placed)
            shape = f'<polyline class="line colour-{number}" points="{path}">'
            parts.append(f"{shape}<title>{escape(name)}</title></polyline>")
        for right, down in placed if not lines else []:
            parts.append(f'<circle class="colour-{number}" cx="{right:.1f}" cy="{down:.1f}" r="3"/>')
        if labels and len(placed) == 1:
            right, down = placed[0]
            parts.append(f'<text class="label" x="{right + 6:.1f}" y="{down - 5:.1f}">{escape(name)}</text>')
        else:
            parts.append(_legend(number, name, list(series)[:number]))
    return "".join([*parts, "</svg>"])


def _legend(number: int, name: str, before: Sequence[str]) -> str:
    left = _LEFT + sum(26 + 6.2 * len(each) for each in before)
    return (
        f'<rect class="colour-{number}" x="{left:.0f}" y="6" width="10" height="10"/>'
        f'<text x="{left + 14:.0f}" y="15">{escape(name)}</text>'
    )
