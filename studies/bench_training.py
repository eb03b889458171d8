"""What the project's steps are worth against the plain loop's: the part `training` of studies/bench.py."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stages import places
from stages.hearing import read_judge
from stages.train import TrainSettings, read_material
from studies.on_processor import training_on_processor
from voicepack.alignment import align
from voicepack.clips import read_clips
from voicepack.floor_and_ceiling import reference_embedding
from voicepack.markdown import markdown_table
from voicepack.speaker_encoder import load_speaker_encoder
from voicepack.speed.plain_loop import PlainLoop, PlainLosses
from voicepack.speed.unseen import Unseen
from voicepack.training import train_voice
from voicepack.voice_losses import VoiceLosses, speaker_heard_in

_PLAIN, _PROJECT = "plain loop", "project"
# The plain loop's: Adam as it comes, and what training took here before steps were made fewer and better.
_FIRST: dict[str, Any] = {"steps": 80, "lr": 0.1, "adam_beta2": 0.999}


@dataclass(frozen=True)
class Run:
    """A voice trained in one way."""

    name: str
    steps: int
    seconds: float  # of the processor
    found: Unseen

    def cells(self) -> tuple[str, ...]:
        """Return the run as a row of a table."""
        measures = (f"{value:.3f}" for value in vars(self.found).values())
        return self.name, f"{self.steps}", f"{self.seconds:.0f}", *measures


def training(voice: str) -> tuple[dict[str, float], str]:
    """Train by the plain loop and by the project's steps, all and fewer; judge by held-out clips."""
    settings = training_on_processor()
    material = read_material(voice, settings)
    losses, clips, style = material.losses, material.clips, material.style
    plain = PlainLosses(losses, PlainLoop(places.KOKORO, speaker_heard_in(clips, settings.losses)))
    judge = load_speaker_encoder(read_judge()[0])
    reference = reference_embedding(judge, read_clips(places.clips(voice), "train"))
    unseen = align(losses.kokoro, read_clips(places.clips(voice), "held_out"), material.start[None])

    def train(by: VoiceLosses, how: TrainSettings) -> Tensor:
        with tempfile.TemporaryDirectory() as scratch:
            projection = deepcopy(material.projection)
            made = train_voice(by, clips, style, projection, material.start, how, lambda *_: None, Path(scratch))
        with torch.no_grad():
            return made(style[None])[0]

    runs = [Run("start", 0, 0.0, Unseen.of(losses, material.start, unseen, judge, reference))]
    ways: list[tuple[str, VoiceLosses, TrainSettings]] = [
        (_PLAIN, plain, replace(settings, **_FIRST)),
        *((_PROJECT, losses, replace(settings, steps=settings.steps // part)) for part in (1, 2, 4, 8)),
    ]
    for name, by, how in ways:
        began = time.process_time()  # one after the other: what else the machine does must not count
        vector = train(by, how)
        took = time.process_time() - began
        runs.append(Run(name, how.steps, took, Unseen.of(losses, vector, unseen, judge, reference)))
    header = ("", "steps", "processor seconds", *(name.replace("_", " ") for name in Unseen.__annotations__))
    return speedups(runs), markdown_table(header, [run.cells() for run in runs])


def speedups(runs: Sequence[Run]) -> dict[str, float]:
    """Return how many times longer the plain loop takes than all of the project's steps, and than as good ones.

    As good are the fewest that are no worse in any measure: 0 times longer if none are.
    """
    (plain,) = (run for run in runs if run.name == _PLAIN)
    project = sorted((run for run in runs if run.name == _PROJECT), key=lambda run: run.steps)
    as_good = [plain.seconds / run.seconds for run in project if run.found.as_good_as(plain.found)]
    return {
        "training_speedup": plain.seconds / project[-1].seconds,
        "training_speedup_as_good": as_good[0] if as_good else 0.0,
    }
