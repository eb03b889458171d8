"""A voice's recordings, checked one by one, as clips with phonemes, split into train and held-out."""

from __future__ import annotations

import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path

from stages import places
from stages.settings import flatten
from stages.stage import running
from stages.voice import load_voice
from voicepack.clips import write_clips
from voicepack.dataset import read_dataset
from voicepack.errors import VoicepackError
from voicepack.files import removed_on_error
from voicepack.preparation import Preparation, check_enough, prepare_clips, write_rejected
from voicepack.split import split_clips


@dataclass(frozen=True)
class PrepareSettings(Preparation):
    min_clips: int
    held_out_fraction: float
    seed: int


def main() -> None:
    with running("prepare", PrepareSettings) as stage:
        settings, voice = stage.settings, load_voice(stage.voice)
        stage.run.log_parameters(flatten(voice, f"voices.{stage.voice}"))
        dataset = read_dataset(Path(voice.data), voice.speaker)
        folder = places.clips(stage.voice)

        # As DVC does before a run. Without DVC, what an earlier run wrote would stay beside this one's.
        shutil.rmtree(folder, ignore_errors=True)
        with removed_on_error(folder / "audio"):
            clips, rejected = prepare_clips(
                [*dataset.train, *dataset.validation],
                folder / "audio",
                settings,
            )
            # First, because the errors below send the user to this table.
            write_rejected(folder / "rejected.tsv", rejected)
            given = {entry.name for entry in dataset.validation}
            if given and given.isdisjoint(clip.name for clip in clips):
                raise VoicepackError(
                    f"no clip of validation/ is usable: see {folder / 'rejected.tsv'}. Fix them, or delete the folder."
                )
            train, held_out = split_clips(
                [clip for clip in clips if clip.name not in given],
                [clip for clip in clips if clip.name in given],
                fraction=settings.held_out_fraction,
                seed=settings.seed,
            )
            check_enough(train, held_out, rejected, min_clips=settings.min_clips, table=folder / "rejected.tsv")
            write_clips(folder, train, held_out)
            truth = Path(voice.data, places.TRUTH)
            if truth.exists():
                shutil.copyfile(truth, places.truth(stage.voice))

        metrics = {
            "clips": len(train),
            "held_out": len(held_out),
            "rejected": len(rejected),
            "seconds": sum(clip.seconds for clip in clips),
            "bandwidth": statistics.median(clip.bandwidth for clip in clips),
            "signal_to_noise": statistics.median(clip.signal_to_noise for clip in clips),
        }
        stage.run.log_metrics(metrics)
        print(
            f"{stage.voice}: {metrics['clips']} clips to train on, {metrics['held_out']} held out,"
            f" {metrics['rejected']} rejected; {metrics['seconds']:.0f} s, bandwidth {metrics['bandwidth']:.0f} Hz,"
            f" the room {metrics['signal_to_noise']:.0f} dB below the speech"
        )


if __name__ == "__main__":
    main()
