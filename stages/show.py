"""Show where a voice's pack is and how good it is: python -m stages.show NAME"""

from __future__ import annotations

import json
import sys

from stages import places
from voicepack.files import read_table

_ROWS = (
    ("mel_loss", "mel loss on held-out clips", "lower is better"),
    ("likeness", "likeness (speaker cosine)", "higher is better"),
    ("f0_rmse_cents", "F0 error in cents", "lower is better"),
    ("wer", "word error rate", "lower is better"),
)


def table(voice: str) -> str:
    """Return the table of a voice's metrics, one line per measure: the voice, its floor and its ceiling."""
    metrics = json.loads((places.METRICS / f"{voice}.json").read_text())
    nearest = read_table(places.METRICS / "sentences" / f"{voice}.tsv")[0]["nearest_voice"]
    lines = [f"{'':28}{voice:>12}{nearest:>12}{'real clips':>12}"]
    for name, title, direction in _ROWS:
        values = [metrics.get(name + suffix) for suffix in ("", "_floor", "_ceiling")]
        cells = "".join(f"{'' if value is None else format(value, '.3f'):>12}" for value in values)
        lines.append(f"{title:28}{cells}   {direction}")
    if "likeness_normalised" in metrics:
        lines.append(f"{'normalised likeness':28}{metrics['likeness_normalised']:12.3f}{0:12.3f}{1:12.3f}")
    else:
        lines.append(f"{'normalised likeness':28}{'none':>12}   the judge cannot tell {nearest} from the speaker")
    for half in ("acoustic", "prosodic"):
        if f"recovered_{half}_error" in metrics:
            recovered, stock = metrics[f"recovered_{half}_error"], metrics[f"stock_{half}_error"]
            lines.append(f"{f'error of {half} half':28}{recovered:12.3f}{stock:12.3f}{0:12.3f}   the truth is known")
    return "\n".join(lines)


if __name__ == "__main__":
    name = sys.argv[1]
    print(f"\n{table(name)}\n")
    print(f"Voice pack: {places.pack(name)}   (also .safetensors, and .npz for kokoro-onnx)")
    print(f"Listen:     {places.METRICS / 'samples' / name}")
