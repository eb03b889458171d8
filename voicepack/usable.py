"""Whether a recording can be used: what is wrong with its sound, and where in it the speech is."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from voicepack.audio import (
    is_clipped,
    loudest_above_speech,
    signal_to_noise,
    speech_level,
    without_offset,
)
from voicepack.clips import SILENCE_DB
from voicepack.constants import SAMPLE_RATE
from voicepack.silence import trim_silence, without_long_pauses

_LOUDEST_CLICK_DB = 25.0  # of 25 ms above loud speech; 111 clips of speech have 10 at most
_LEAST_RANGE_DB = 5.0  # between loud and quiet moments; 111 clips of speech have 27 at least, noise alone has 1


class UnusableError(Exception):
    """Why a recording cannot be used, as `what: details`."""


def checked_recording(recording: Tensor) -> Tensor:
    """Return a recording `[samples]` without the offset of the recorder.

    Raises UnusableError if it is empty, not finite or silent.
    """
    if not len(recording):
        raise UnusableError("empty: the file holds no samples")
    if not torch.isfinite(recording).all():
        raise UnusableError("not finite: some samples are NaN or infinite, export it again")
    audio = without_offset(recording)
    if speech_level(audio) < SILENCE_DB:
        raise UnusableError(f"silent: the level is {speech_level(audio):.0f} dB, {SILENCE_DB:.0f} dB are needed")
    return audio


def speech_in(recording: Tensor, min_seconds: float, max_seconds: float = math.inf) -> Tensor:
    """Return the speech in a checked recording `[samples]`: without the silence around it, and without long pauses.

    Raises UnusableError if that is too short, too long, clipped, or has a click or no speech in it. The silence would
    hide how much of it is broken.
    """
    audio = without_long_pauses(trim_silence(recording))
    seconds = len(audio) / SAMPLE_RATE
    if seconds < min_seconds:
        raise UnusableError(f"too short: {seconds:.2f} s without the silence around it, {min_seconds:g} s are needed")
    if seconds > max_seconds:
        raise UnusableError(f"too long: {seconds:.2f} s, {cut_it(max_seconds)}")
    if is_clipped(audio):
        raise UnusableError("clipped: the peaks are cut off, record it again at a lower level")
    if loudest_above_speech(audio) > _LOUDEST_CLICK_DB:
        raise UnusableError(f"a click: {loudest_above_speech(audio):.0f} dB louder than the speech, cut it out")
    if signal_to_noise(audio) < _LEAST_RANGE_DB:
        raise UnusableError("no speech: it is as loud throughout, as noise is")
    return audio


def cut_it(max_seconds: float) -> str:
    """Return what to do with a recording that is longer than a clip may be."""
    return f"cut it into clips of {max_seconds:g} s at most, as `voicepack transcribe` does"
