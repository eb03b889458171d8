"""What noise in the recordings costs: voices of noisy copies of a speaker's recordings, judged by the clean ones.

    python -m stages.noise copy lj libritts_121     datasets in data/noisy, and voices of them such as lj_20db
    dvc repro expand@lj_20db expand@lj_10db …
    python -m stages.noise table lj libritts_121    speaks with the packs, writes the table of docs/ablation.md

The voices themselves (`lj`) are evaluated before. Each level of noise is one more voice, made as any other.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import torch

from stages import places
from stages.add_voice import add_voice
from stages.judging import judge
from stages.voice import load_voice
from voicepack.audio import read_audio, write_audio
from voicepack.damage import add_noise
from voicepack.dataset import METADATA_FILE, Entry, read_dataset
from voicepack.errors import VoicepackError
from voicepack.evaluation import summarise
from voicepack.files import written_whole
from voicepack.markdown import markdown_table, put_table
from voicepack.pack import load_pack

_LEVELS = (20, 10)  # dB of the signal over the noise
_DATASETS = Path("data/noisy")
_MEASURES = ("wer", "dnsmos")
_PAGE = Path("docs/ablation.md")


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["copy", *voices] if voices:
            for voice in voices:
                for level in _LEVELS:
                    name = noisy_name(voice, level)
                    copy(voice, level, _DATASETS / name)
                    add_voice(name, _DATASETS / name)
        case ["table", *voices] if voices:
            rows = table({voice: metrics(voice) for voice in voices})
            print(rows)
            put_table(_PAGE, "noise", rows)
        case _:
            raise VoicepackError("use `copy NAME…` or `table NAME…`, with names of voices in params.yaml.")


def noisy_name(voice: str, level: int) -> str:
    """Return the name of the voice that is made from recordings `level` dB above noise."""
    return f"{voice}_{level}db"


def copy(voice: str, level: int, folder: Path) -> None:
    """Write the recordings of a voice with noise `level` dB below each, as a dataset in `folder`.

    The texts stay, so that the same clips are held out.
    """
    source = load_voice(voice)
    dataset = read_dataset(Path(source.data), source.speaker)
    for part in (dataset.train, dataset.validation):
        for entry in part:
            generator = torch.Generator().manual_seed(zlib.crc32(entry.name.encode()))
            write_audio(folder / _file(entry), add_noise(read_audio(entry.path), level, generator))
        if part:
            lines = [json.dumps({"file_name": _file(each).name, "text": each.text}) + "\n" for each in part]
            with written_whole(folder / part[0].name.split("/")[0] / METADATA_FILE) as temporary:
                temporary.write_text("".join(lines))


def metrics(voice: str) -> list[dict[str, float]]:
    """Measure a voice's own pack, and those made with noise, by that voice's reference; in the order of the levels."""
    packs = {made: load_pack(places.pack(made)) for made in _made_from(voice)}
    found = [summarise(renders) for renders in judge(voice, packs).values()]
    if "likeness_normalised" not in found[0]:
        raise VoicepackError(f"{voice}: the judge has no scale for this voice. Leave it out.")
    return found


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """Return likeness and quality by noise in Markdown, given the metrics of each voice in the order of the levels."""
    rows = []
    for index, name in enumerate(("as recorded", *(f"{level} dB" for level in _LEVELS))):
        voices = [each[index] for each in found.values()]
        likeness = [each["likeness_normalised"] for each in voices]
        rows.append(
            (
                name,
                *(f"{value:.3f}" for value in (fmean(likeness), *likeness)),
                *(f"{fmean(each[measure] for each in voices):.3f}" for measure in _MEASURES),
            )
        )
    return markdown_table(("signal over noise", "normalised likeness", *found, *_MEASURES), rows)


def _made_from(voice: str) -> list[str]:
    return [voice, *(noisy_name(voice, level) for level in _LEVELS)]


def _file(entry: Entry) -> Path:
    """Return where in a dataset the noisy copy of a recording lies: beside the others, as WAV."""
    split, name = entry.name.split("/", 1)
    return Path(split, name.replace("/", "_")).with_suffix(".wav")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VoicepackError as error:
        sys.exit(f"noise: {error}")
