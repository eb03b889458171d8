"""What the project's steps are worth against the plain loop's: the part `training` of stages/bench.py."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
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

    def row(name: str, vector: Tensor, *cells: str) -> tuple[str, ...]:
        found = Unseen.of(losses, vector, unseen, judge, reference)
        return name, *cells, *(f"{value:.3f}" for value in vars(found).values())

    every = settings.steps
    runs: list[tuple[str, Callable[[], tuple[Tensor, int]]]] = [
        ("plain loop", lambda: train(plain, every)),
        ("project", lambda: train(losses, every)),
        ("project", lambda: train(losses, every // 2)),
        ("project", lambda: train(losses, every // 4)),
        ("L-BFGS with a line search", lambda: search(every)),
    ]
    rows, took = [row("start", material.start, "0", "0")], []
    for name, run in runs:
        began = time.process_time()  # one after the other: what else the machine does must not count
        vector, steps = run()
        took.append(time.process_time() - began)
        rows.append(row(name, vector, f"{steps}", f"{took[-1]:.0f}"))
    header = ("", "steps", "processor seconds", *(name.replace("_", " ") for name in Unseen.__annotations__))
    return {"training_speedup": took[0] / took[1]}, markdown_table(header, rows)
