"""What the encoder is worth: python -m studies.assess_encoder [--speakers FOLDER] [--first FILE]

Reads held-out stock voices, whose voice vectors are known, clean and damaged, at five lengths; and, where FOLDER holds
datasets of real speakers, tells them apart and enrolls them. Writes metrics/encoder.json, the table behind it and
prints both as Markdown. Not a stage of the graph, because the graph must run where FOLDER is not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from stages import places
from stages.speech import rendered_speech
from stages.stage import one_line_errors
from studies.real_speakers import assess_speakers, datasets
from tools.command import command_parser
from voicepack.constants import SAMPLE_RATE
from voicepack.damage import damage
from voicepack.enrollment import Enroller
from voicepack.files import write_json, write_table
from voicepack.likeness import nearest_voice
from voicepack.markdown import markdown_table
from voicepack.rendered_speech import HELD_OUT_CLIPS, Speech
from voicepack.style_encoder import load_style_encoder
from voicepack.voices import HELD_OUT, half_cosines, relative_errors, training_voices

SECONDS = (1, 2, 5, 10, 30)
Read = Callable[[Tensor], Tensor]  # audio [samples] to a voice vector [256]


def main() -> None:
    parser = command_parser("studies.assess_encoder", __doc__)
    parser.add_argument("--speakers", type=Path, help="a folder of datasets, one per real speaker")
    parser.add_argument("--first", type=Path, help="the style encoder of another commit, to compare with")
    arguments = parser.parse_args()
    folders = datasets(arguments.speakers) if arguments.speakers else []
    enroller = Enroller.load(places.MODELS)
    speech = rendered_speech(enroller.stock_packs).held_out()
    readers = voice_readers(enroller, arguments.first)
    measured = {
        (method, condition, seconds): measure(read, speech, seconds, damaged=condition == "damaged")
        for method, read in readers.items()
        for condition in ("clean", "damaged")
        for seconds in SECONDS
    }
    rows = [
        {"method": method, "audio": condition, "seconds": seconds, **errors}
        for (method, condition, seconds), errors in measured.items()
    ]
    write_table(places.METRICS / "encoder_lengths.tsv", rows)

    metrics = dict(measured["both readers", "clean", 5])
    for prefix, method, condition in (
        ("damaged", "both readers", "damaged"), ("style_encoder", "style encoders", "clean"),
        ("reader", "statistics reader", "clean"), ("mean_voice", "mean voice", "clean"),
        ("nearest_stock", "nearest stock voice", "clean"), ("first_encoder", "first encoder", "clean"),
    ):  # fmt: skip
        if method in readers:
            metrics |= {f"{prefix}_{name}": value for name, value in measured[method, condition, 5].items()}
    if folders:
        speakers, enrolled = assess_speakers(enroller, folders)
        table = [dataclasses.asdict(each) for each in enrolled]
        write_table(places.METRICS / "encoder_speakers.tsv", table)
        metrics |= speakers
        print(markdown(table), end="\n\n")
    write_json(places.ENCODER_METRICS, metrics)
    print(markdown(rows), end="\n\n")
    print(markdown([{"metric": name, "value": value} for name, value in metrics.items()]))


def voice_readers(enroller: Enroller, first: Path | None) -> dict[str, Read]:
    """Return the ways of guessing a voice vector from audio: ours, its two readers alone, and the baselines."""
    reader, judge = enroller.voices, enroller.speaker_encoder
    others = training_voices(enroller.stock_packs)
    row = 70  # of the sentences that the held-out voices speak
    mean_voice = torch.stack([pack[row, 0] for pack in others.values()]).mean(0)
    candidates = {name: enroller.stock_speakers[name] for name in others}
    readers: dict[str, Read] = {
        "both readers": reader.read,
        "style encoders": reader.read_style,
        "statistics reader": reader.read_statistics,
        "mean voice": lambda _: mean_voice,
        "nearest stock voice": lambda audio: others[nearest_voice(candidates, judge.embed(audio))][row, 0],
    }
    if first:
        encoders = load_style_encoder(first)
        readers["first encoder"] = lambda audio: encoders.encode([audio])[0]
    return readers


def measure(read: Read, speech: Speech, seconds: int, *, damaged: bool) -> dict[str, float]:
    """Read excerpts of every held-out voice and compare with the truth.

    An excerpt of up to 5 s is the beginning of a clip, one excerpt per clip; a longer one is several clips on end.
    """
    read_vectors, true = [], []
    for voice in range(len(HELD_OUT)):
        numbers = range(voice * HELD_OUT_CLIPS, (voice + 1) * HELD_OUT_CLIPS)
        joined = 1 if seconds <= 5 else 2 if seconds <= 10 else HELD_OUT_CLIPS
        for start in range(0, HELD_OUT_CLIPS - joined + 1, joined):
            chosen = list(numbers)[start : start + joined]
            audio = torch.cat([speech.audio[number] for number in chosen])[: seconds * SAMPLE_RATE]
            if damaged:
                audio = damage(audio, torch.Generator().manual_seed(chosen[0]))
            read_vectors.append(read(audio))
            true.append(speech.voices[chosen].mean(0))
    vectors, truth = torch.stack(read_vectors), torch.stack(true)
    return relative_errors(vectors, truth).named("error") | half_cosines(vectors, truth).named("cosine")


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows of one shape as a Markdown table."""
    cells = [[f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows]
    return markdown_table(list(rows[0]), cells)


if __name__ == "__main__":
    with one_line_errors("assess_encoder"):
        main()
