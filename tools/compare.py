"""What changed since a commit, and what of it is noise: python -m tools.compare [REVISION]

`dvc metrics diff` shows every digit that moved. Here a change within the noise of both sides is shown as none; that
noise is that which Kokoro draws. Of several voices the mean change follows, with its 95 % interval over voices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from dvc.exceptions import DvcException
from dvc.repo import Repo

from stages import places
from stages.stage import one_line_errors
from tools.command import command_parser
from voicepack.confidence import half_width
from voicepack.errors import VoicepackError
from voicepack.measures import MEASURES

_NAMES = ("likeness_normalised", *(measure.name for measure in MEASURES))


def table(revision: str) -> str:
    """Return the changes of all voices' measures from a revision to the files as they are.

    Raises VoicepackError for a revision that Git does not know, or one without metrics.
    """
    try:
        with Repo() as repo:
            found = repo.metrics.diff(a_rev=revision, all=True)
            difference = found["diff"]
    except (DvcException, KeyError) as error:
        raise VoicepackError(f"'{revision}' cannot be compared with ({error}). Name a commit, branch or tag.") from None
    if broken := found.get("errors", {}).get("workspace"):
        raise VoicepackError(f"{next(iter(broken))}: not valid JSON. Finish the merge, or restore it from Git.")
    lines = [f"{'voice':16}{'measure':22}{revision[:12]:>12}{'now':>12}   change"]
    both: dict[str, list[tuple[float, float]]] = {name: [] for name in _NAMES}  # before and now, by voice
    for path, values in sorted(difference.items()):
        if Path(path) == places.SUMMARY:  # says nothing of noise; the means over voices follow
            continue
        for name in _NAMES:
            old, new = (values.get(name, {}).get(side) for side in ("old", "new"))
            if old is None or new is None:
                continue
            both[name].append((old, new))
            noise = [values.get(f"{name}_noise", {}).get(side) or 0.0 for side in ("old", "new")]
            # Each is how far one evaluation moves from another; here one of either kind is compared.
            moved = abs(new - old) > math.hypot(*noise) / math.sqrt(2)
            change = f"{new - old:+.3f}" if moved else "none"
            lines.append(f"{Path(path).stem:16}{name:22}{old:12.3f}{new:12.3f}   {change}")
    lines += [mean_line(name, values) for name, values in both.items() if len(values) > 1]
    return "\n".join(lines)


def mean_line(name: str, values: Sequence[tuple[float, float]]) -> str:
    """Return the line of a measure over at least two voices, each before and now."""
    old, new = (fmean(side) for side in zip(*values, strict=True))
    half = half_width([after - before for before, after in values])
    return f"{f'{len(values)} voices':16}{name:22}{old:12.3f}{new:12.3f}   {new - old:+.3f} ± {half:.3f}"


def main() -> None:
    parser = command_parser("tools.compare", __doc__)
    parser.add_argument("revision", metavar="REVISION", nargs="?", default="HEAD", help="default: %(default)s")
    print(table(parser.parse_args().revision))


if __name__ == "__main__":
    with one_line_errors("compare"):
        main()
