"""What the project's steps are worth against the plain loop's: the part `training` of stages/bench.py."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from stages import places
from stages.hearing import read_judge
from stages.settings import load_settings
from stages.train import TrainSettings, read_material
from voicepack.alignment import align
from voicepack.clips import read_clips
from voicepack.floor_and_ceiling import reference_embedding
from voicepack.markdown import markdown_table
from voicepack.speaker_encoder import load_speaker_encoder
from voicepack.speed.line_search import AT_ONCE, search_voice
from voicepack.speed.plain_loop import PlainLoop, PlainLosses
from voicepack.speed.unseen import Unseen
from voicepack.training import train_voice
from voicepack.voice_losses import VoiceLosses

_PLAIN, _PROJECT = "plain loop", "project"


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
    """Train by the plain loop, by the project's steps, as many and fewer, and by a search; judge by held-out clips."""
    settings = replace(load_settings("train", TrainSettings), device="cpu")  # where all that it is compared with is
    material = read_material(voice, settings)
    losses, clips, style = material.losses, material.clips, material.style
    recordings = [clip.audio for clip in clips] if settings.losses.speaker else None
    plain = PlainLosses(losses, PlainLoop(places.KOKORO, recordings))
    judge = load_speaker_encoder(read_judge()[0])
    reference = reference_embedding(judge, read_clips(places.clips(voice), "train"))
    unseen = [align(losses.kokoro, clip, material.start[None]) for clip in read_clips(places.clips(voice), "held_out")]

    def train(by: VoiceLosses, steps: int) -> tuple[Tensor, int]:
        with tempfile.TemporaryDirectory() as scratch:
            projection, shorter = deepcopy(material.projection), replace(settings, steps=steps)
            made = train_voice(by, clips, style, projection, material.start, shorter, lambda *_: None, Path(scratch))
        with torch.no_grad():
            return made(style[None])[0], steps

    def search(steps: int) -> tuple[Tensor, int]:
        found, taken = search_voice(losses, clips, material.start, settings, steps // AT_ONCE)
        return found, taken * AT_ONCE

    every = settings.steps
    ways: list[tuple[str, Callable[[], tuple[Tensor, int]]]] = [
        ("start", lambda: (material.start, 0)),
        (_PLAIN, lambda: train(plain, every)),
        *((_PROJECT, partial(train, losses, steps)) for steps in (every, every // 2, every // 4, every // 8)),
        ("L-BFGS with a line search", lambda: search(every)),
    ]
    runs = []
    for name, way in ways:
        began = time.process_time()  # one after the other: what else the machine does must not count
        vector, steps = way()
        took = time.process_time() - began
        runs.append(Run(name, steps, took, Unseen.of(losses, vector, unseen, judge, reference)))
    header = ("", "steps", "processor seconds", *(name.replace("_", " ") for name in Unseen.__annotations__))
    return speedups(runs), markdown_table(header, [run.cells() for run in runs])


def speedups(runs: Sequence[Run]) -> dict[str, float]:
    """Return how many times longer the plain loop takes than as many steps of the project's, and than as good ones.

    As good are the fewest that are no worse in any measure; there may be none.
    """
    (plain,) = (run for run in runs if run.name == _PLAIN)
    project = sorted((run for run in runs if run.name == _PROJECT), key=lambda run: run.steps)
    found = {"training_speedup": plain.seconds / project[-1].seconds}
    if as_good := [run for run in project if run.found.as_good_as(plain.found)]:
        found["training_speedup_as_good"] = plain.seconds / as_good[0].seconds
    return found
