"""Three ways from a voice vector to the 510 rows of a pack, compared on voices that are made.

    dvc repro evaluate@lj evaluate@libritts_121
    python -m studies.fitted_rows lj libritts_121     some ten minutes a voice; writes the table of docs/ablation.md

As in the stock packs, in both halves (`expand.rows: curve`), 510 equal rows (`flat`), and rows fitted to the speaker's
own clips, which is no setting, only measured here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from stages import places
from stages.stage import one_line_errors
from stages.train import read_material
from studies.ablation import likeness_by_length
from studies.judging import judge
from studies.on_processor import training_on_processor
from studies.tables import with_rows
from tools.command import command_parser
from voicepack.alignment import AlignedClip, align
from voicepack.clips import read_clips
from voicepack.evaluation import length_table, summarise
from voicepack.files import read_table, read_tensors, write_ragged_table
from voicepack.fitted_rows import fit_rows, shift_deviation
from voicepack.kokoro import row_of
from voicepack.markdown import markdown_table, put_table
from voicepack.measures import BUCKETS, bucket
from voicepack.prosody_losses import F0Loss
from voicepack.rows import ROWS
from voicepack.voice_losses import VoiceLosses

_CENTS = 1200 / math.log(2)  # of a neper
_PAGE = Path("docs/ablation.md")

Row = dict[str, Any]  # rows, voice, measures by length


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_parser("studies.fitted_rows", __doc__)
    parser.add_argument("voices", nargs="+", metavar="NAME", help="of params.yaml, already made")
    for voice in parser.parse_args(arguments).voices:
        keep(compare(voice))
    text = table([dict(row) for row in read_table(places.ROWS)])
    print(text)
    put_table(_PAGE, "rows", text)


def compare(voice: str) -> list[Row]:
    """Measure the three kinds of rows for a voice that is made, a line for each."""
    settings = training_on_processor()
    vector = read_tensors(places.projection(voice))[0]["voice"]
    packs, _ = read_tensors(places.STOCK_VOICES)
    material = read_material(voice, settings)
    losses = material.losses
    with torch.no_grad():
        candidates = {
            "as the stock packs'": losses.rows.expand(vector),
            "510 equal rows": vector.expand(ROWS, 1, 256),
        }
    deviation = shift_deviation(losses.rows, packs.values())
    candidates["fitted to the clips"] = fit_rows(losses, material.clips, vector, deviation, settings).expand(vector)

    held_out = align(losses.kokoro, read_clips(places.clips(voice), "held_out"), vector[None])
    lines = []
    for name, renders in judge(voice, candidates).items():
        measured = summarise(renders)
        line: Row = {"rows": name, "voice": voice, "wer": measured["wer"], "dnsmos": measured["dnsmos"]}
        line |= likeness_by_length(length_table(renders))
        lines.append(line | f0_error_by_length(losses, held_out, candidates[name]))
    return lines


def f0_error_by_length(losses: VoiceLosses, clips: Sequence[AlignedClip], pack: Tensor) -> dict[str, float]:
    """Return how far the F0 that a pack predicts lies from held-out clips', in cents, by the length of their texts."""
    found: dict[str, list[float]] = {}
    compare_f0 = F0Loss()
    for clip in clips:
        with torch.no_grad():
            predicted = losses.kokoro.predict(clip.text, row_of(pack, clip.text.phonemes), frames=clip.frames)
            error = _CENTS * float(compare_f0(predicted.f0, clip.f0))
        found.setdefault(f"cents_{bucket(len(clip.text.phonemes))}", []).append(error)
    return {name: fmean(errors) for name, errors in found.items()}


def keep(lines: Sequence[Row]) -> None:
    """Add lines to metrics/rows.tsv in place of the same voices' earlier ones."""
    write_ragged_table(places.ROWS, with_rows(places.ROWS, lines, ("voice",)))


def table(lines: Sequence[Row]) -> str:
    """Return the kinds of rows in Markdown, means over the voices: normalised likeness and F0 error by length."""
    columns = [  # title, name, digits
        *((f"likeness, {low}-{high}", f"phonemes_{low}-{high}", 3) for low, high in BUCKETS),
        *((f"F0 error in cents, {low}-{high}", f"cents_{low}-{high}", 0) for low, high in BUCKETS),
        ("wer", "wer", 3),
        ("dnsmos", "dnsmos", 3),
    ]
    columns = [each for each in columns if any(line.get(each[1]) for line in lines)]
    rows = []
    for kind in dict.fromkeys(line["rows"] for line in lines):
        some = [line for line in lines if line["rows"] == kind]
        means = (fmean(float(line[name]) for line in some if line.get(name)) for _, name, _ in columns)
        rows.append((kind, *(f"{mean:.{digits}f}" for mean, (_, _, digits) in zip(means, columns, strict=True))))
    return markdown_table(("rows", *(title for title, _, _ in columns)), rows)


if __name__ == "__main__":
    with one_line_errors("fitted_rows"):
        main()
