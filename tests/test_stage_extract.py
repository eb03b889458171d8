"""A clip that cannot be read ends stage `extract` with its name; the rest of the stage is in test_pipeline.py."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from conftest import TRACKING
from recordings import babble, clip_of
from torch import Tensor

from stages import extract, places
from voicepack.clips import write_clips
from voicepack.errors import VoicepackError
from voicepack.voice_reader import VoiceReader


class Reader:
    """Reads anything but what is shorter than two seconds."""

    encoders = SimpleNamespace(encode=lambda clips: torch.zeros(len(clips), 256))

    def read(self, clip: Tensor) -> Tensor:
        if len(clip) < 48_000:
            raise VoicepackError("no speech to measure in it. Leave the clip out.")
        return torch.zeros(256)


def test_a_clip_that_cannot_be_read_is_named(unrecorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = {"extract": {"max_style_samples": 4, "seed": 0}, "tracking": TRACKING}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    folder = places.clips("me")
    clips = [clip_of(babble(seconds), folder / f"audio/{name}.wav") for name, seconds in (("good", 2.5), ("bad", 1.5))]
    write_clips(folder, clips, [])
    monkeypatch.setattr(VoiceReader, "load", lambda models: Reader())
    monkeypatch.setattr(sys, "argv", ["extract", "me"])
    with pytest.raises(SystemExit) as stopped:
        extract.main()
    assert str(stopped.value) == "extract: train/bad.wav: no speech to measure in it. Leave the clip out."
