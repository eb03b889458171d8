"""A voice's recordings, checked one by one, as clips with phonemes, split into train and held-out."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

from stages import places
from stages.settings import flatten
from stages.stage import running
from stages.voice import load_voice
from voicepack.clips import Clip, Rejected, check_enough, prepare_clips, write_clips, write_rejected
from voicepack.dataset import Entry, read_dataset
from voicepack.split import split_clips


@dataclass(frozen=True)
class PrepareSettings:
    language: str
    level_db: float
    min_seconds: float
    max_seconds: float
    min_clips: int
    held_out_fraction: float
    seed: int


def main() -> None:
    with running("prepare", PrepareSettings) as stage:
        settings, voice = stage.settings, load_voice(stage.voice)
        stage.run.log_parameters(flatten(voice, f"voices.{stage.voice}"))
        dataset = read_dataset(Path(voice.data), voice.speaker)
        folder = places.clips(stage.voice)

        recorded, rejected = _prepare(dataset.train, settings)
        validation, rejected_validation = _prepare(dataset.validation, settings)
        rejected += rejected_validation
        train, held_out = split_clips(recorded, validation, fraction=settings.held_out_fraction, seed=settings.seed)
        # First, because the error of the next line sends the user to this table.
        write_rejected(folder / "rejected.tsv", rejected)
        check_enough(train, held_out, rejected, min_clips=settings.min_clips, table=folder / "rejected.tsv")
        write_clips(folder, train, held_out, rejected)

        clips = [*train, *held_out]
        metrics = {
            "clips": len(train),
            "held_out": len(held_out),
            "rejected": len(rejected),
            "seconds": sum(clip.seconds for clip in clips),
            "bandwidth": statistics.median(clip.bandwidth for clip in clips),
        }
        stage.run.log_metrics(metrics)
        print(
            f"{stage.voice}: {metrics['clips']} clips to train on, {metrics['held_out']} held out,"
            f" {metrics['rejected']} rejected; {metrics['seconds']:.0f} s, bandwidth {metrics['bandwidth']:.0f} Hz"
        )


def _prepare(entries: list[Entry], settings: PrepareSettings) -> tuple[list[Clip], list[Rejected]]:
    return prepare_clips(
        entries,
        language=settings.language,
        level_db=settings.level_db,
        min_seconds=settings.min_seconds,
        max_seconds=settings.max_seconds,
    )


if __name__ == "__main__":
    main()
