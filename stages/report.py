"""The page: every voice to hear and to see, in one file."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stages import places
from stages.settings import load_settings
from stages.stage import running
from stages.voice import voice_names
from voicepack.errors import VoicepackError
from voicepack.files import read_json, read_tensors, write_json, written_whole
from voicepack.page.page import build_page
from voicepack.page.voice_report import VoiceFiles, VoiceReport, retrieval, summarise_voices


@dataclass(frozen=True)
class ReportSettings:
    fixed_sentences: int


def main() -> None:
    with running("report", ReportSettings) as stage:
        voices = voice_names()
        ready = [name for name in voices if evaluated(name)]
        if not ready:
            raise VoicepackError("no voice has been evaluated. Run `dvc repro` first.")
        reports = [VoiceReport.read(name, files(name), facts(name)) for name in ready]
        speakers = read_tensors(places.STOCK_SPEAKERS)[0]
        retrieved = retrieval(reports, speakers)
        summary = summarise_voices(reports, retrieved)
        stock = read_tensors(places.STOCK_VOICES)[0]
        for left in leftovers(voices):
            print(f"report: {left} is of no voice in params.yaml, but goes into dvc.lock. Delete it.", file=sys.stderr)
        missing = [name for name in voices if name not in ready]
        speed = read_json(places.BENCH)
        page = build_page(reports, retrieved, stock, missing, speed, stage.settings.fixed_sentences)
        with written_whole(places.REPORT) as temporary:
            temporary.write_text(page)
        write_json(places.SUMMARY, summary)
        stage.run.log_metrics(summary)
        stage.run.log_artifact(places.REPORT)


def evaluated(name: str) -> bool:
    """Return whether all that the page cannot do without is there of a voice: a run that was broken off leaves less.

    Other recipes may be measured later.
    """
    needed = {**vars(files(name)), "pt": places.pack(name), "speaker": places.speaker(name)}
    return all(path.exists() for kind, path in needed.items() if kind != "baselines")


def leftovers(voices: Sequence[str]) -> list[Path]:
    """Return what is of no voice in the folders that the page depends on: another clone of the project lacks it."""
    of_a_voice = (places.clips, places.f0, places.lengths, places.training, places.pack)
    folders = (places.SAMPLES, *(place(voices[0]).parent for place in of_a_voice))
    return sorted(
        path for folder in folders for path in folder.iterdir() if path.name.split(".")[0] not in {*voices, ""}
    )


def files(name: str) -> VoiceFiles:
    """Return where the stages have put what belongs to a voice."""
    return VoiceFiles(
        reference=places.reference(name),
        baselines=places.baselines(name),
        new=places.voice_samples(name),
        lengths=places.lengths(name),
        f0=places.f0(name),
        training=places.training(name),
        rejected=places.clips(name) / "rejected.tsv",
        pack=places.pack(name).with_suffix(".safetensors"),
    )


def facts(name: str) -> dict[str, str]:
    """Return how to make a voice again; the pack itself says who spoke and from what it was made.

    Not the commit: the page would change with it and could not be in dvc.lock. The MD5 finds the commit there.
    """
    with places.pack(name).open("rb") as file:
        pack_md5 = hashlib.file_digest(file, "md5").hexdigest()
    return {
        "made by": f"dvc repro evaluate@{name}",
        "made again": "the same to the byte on one machine; what is exact and what close on others: docs/reproduce.md",
        "pack_md5": pack_md5,
        "judge of likeness": judge(name),
    }


def judge(name: str) -> str:
    """Return who judged a voice's likeness, and whether training had heard it with the same ears."""
    who = read_tensors(places.speaker(name))[1]["judge"]
    trained_with = who == "campplus" and load_settings("train.losses", dict[str, float])["speaker"] > 0
    return f"{who}, {'not independent: training used it too' if trained_with else 'which training does not use'}"


if __name__ == "__main__":
    main()
