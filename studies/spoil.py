"""What bad recordings cost: voices of spoiled copies of a speaker's clips, judged by the speaker as recorded.

    python -m studies.spoil copy lj libritts_121     datasets in data/spoiled, and voices of them such as lj_20db
    dvc repro expand@lj_20db expand@lj_10db expand@lj_telephone expand@lj_strangers …
    python -m studies.spoil table lj libritts_121    speaks with the packs, writes the table of docs/ablation.md

The voices themselves (`lj`) are evaluated before. Each copy is one more voice, made as any other; the same clips are
held out.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import torch

from stages import places
from stages.stage import one_line_errors
from studies.judging import judge
from tools.add_voice import add_voice
from tools.command import command_parser
from voicepack.audio import limit_band, write_audio
from voicepack.clips import read_clips
from voicepack.damage import add_noise
from voicepack.dataset import METADATA_FILE
from voicepack.errors import VoicepackError
from voicepack.evaluation import summarise
from voicepack.files import written_whole
from voicepack.markdown import markdown_table, put_table
from voicepack.pack import load_pack

NOISES = {"20db": 20, "10db": 10}  # dB of the speech over the noise
TELEPHONE, TELEPHONE_HZ = "telephone", 3_800.0
STRANGERS = "strangers"
SPOILED = {
    **{kind: f"noise {level} dB below the speech" for kind, level in NOISES.items()},
    TELEPHONE: "sampled at 8 kHz",
    STRANGERS: "one clip in four is someone else's",
}
_DATASETS = Path("data/spoiled")
_MEASURES = ("wer", "dnsmos")
_PAGE = Path("docs/ablation.md")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_parser("studies.spoil", __doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    copied = commands.add_parser("copy", help="make datasets, and voices of them; of two voices at least")
    copied.add_argument("first", metavar="NAME")  # and others: the strangers of each are another's clips
    for command in (copied, commands.add_parser("table", help="write the table of docs/ablation.md")):
        command.add_argument("voices", nargs="+", metavar="NAME", help="of params.yaml, already made")
    options = parser.parse_args(arguments)
    if options.command == "copy":
        voices = [options.first, *options.voices]
        # The strangers of each voice are the voice before it.
        for voice, stranger in zip(voices, [voices[-1], *voices], strict=False):
            for kind in SPOILED:
                name = spoiled_name(voice, kind)
                copy(voice, kind, stranger, _DATASETS / name)
                add_voice(name, _DATASETS / name)
    else:
        rows = table({voice: metrics(voice) for voice in options.voices})
        print(rows)
        put_table(_PAGE, "spoiled", rows)


def spoiled_name(voice: str, kind: str) -> str:
    """Return the name of the voice that is made from spoiled copies of a voice's clips."""
    return f"{voice}_{kind}"


def copy(voice: str, kind: str, stranger: str, folder: Path) -> None:
    """Write the prepared clips of a voice as a dataset in `folder`, spoiled; the held-out ones go to validation/."""
    clips = read_clips(places.clips(voice), "train")
    if kind == STRANGERS:
        others = read_clips(places.clips(stranger), "train")
        clips[::4] = [others[index % len(others)] for index in range(len(clips[::4]))]
    for part, some in (("train", clips), ("validation", read_clips(places.clips(voice), "held_out"))):
        lines = []
        for number, clip in enumerate(some):
            audio = clip.audio
            if kind in NOISES:
                generator = torch.Generator().manual_seed(zlib.crc32(clip.name.encode()))
                audio = add_noise(audio, NOISES[kind], generator)
            elif kind == TELEPHONE:
                audio = limit_band(audio, TELEPHONE_HZ)
            write_audio(folder / part / f"{number}.wav", audio)
            lines.append(json.dumps({"file_name": f"{number}.wav", "text": clip.text}) + "\n")
        with written_whole(folder / part / METADATA_FILE) as temporary:
            temporary.write_text("".join(lines))


def metrics(voice: str) -> list[dict[str, float]]:
    """Measure a voice's own pack and those of its spoiled copies, in this order, by that voice's reference."""
    names = [voice, *(spoiled_name(voice, kind) for kind in SPOILED)]
    packs = {name: load_pack(places.pack(name)) for name in names}
    found = [summarise(renders) for renders in judge(voice, packs).values()]
    if "likeness_normalised" not in found[0]:
        raise VoicepackError(f"{voice}: the judge has no scale for this voice. Leave it out.")
    return found


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """Return likeness and quality in Markdown, given each voice's metrics: as recorded, then of each spoiled copy."""
    rows = []
    for index, name in enumerate(("as recorded", *SPOILED.values())):
        voices = [each[index] for each in found.values()]
        likeness = [each["likeness_normalised"] for each in voices]
        rows.append(
            (
                name,
                *(f"{value:.3f}" for value in (fmean(likeness), *likeness)),
                *(f"{fmean(each[measure] for each in voices):.3f}" for measure in _MEASURES),
            )
        )
    return markdown_table(("recordings", "normalised likeness", *found, *_MEASURES), rows)


if __name__ == "__main__":
    with one_line_errors("spoil"):
        main()
