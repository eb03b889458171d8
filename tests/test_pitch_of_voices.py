"""How high a voice speaks, and with what melody, beside a speaker."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from recordings import clip_of
from torch import Tensor

from studies import pitch
from studies.pitch import intonations
from voicepack.clips import Clip
from voicepack.errors import VoicepackError
from voicepack.kokoro import Kokoro
from voicepack.text import phonemize

TEXTS = ("Did you really walk home in the rain?", "No, my brother took the car.")


@pytest.fixture
def clips(kokoro: Kokoro, stock_packs: dict[str, Tensor], tmp_path: Path) -> list[Clip]:
    """Recordings of af_heart."""
    return [
        clip_of(kokoro.render(phonemes, stock_packs["af_heart"], seed=7), tmp_path / f"{number}.wav", phonemes)
        for number, phonemes in enumerate(map(phonemize, TEXTS))
    ]


def test_a_voice_has_its_own_pitch_and_melody_and_another_has_not(
    kokoro: Kokoro, stock_packs: dict[str, Tensor], clips: list[Clip]
) -> None:
    own, other = intonations(kokoro, clips, [stock_packs[name] for name in ("af_heart", "am_michael")])
    assert own.f0_mean_ratio == pytest.approx(1, abs=0.02)
    assert other.f0_mean_ratio < 0.8
    assert own.deviation < 0.02
    assert other.f0_correlation < 0.9 < own.f0_correlation
    assert own.f0_spread_ratio == pytest.approx(1, abs=0.1)


def test_recordings_without_voice_are_one_line(kokoro: Kokoro, stock_packs: dict[str, Tensor], tmp_path: Path) -> None:
    silence = clip_of(torch.zeros(24_000), tmp_path / "0.wav", phonemize("Yes."))
    with pytest.raises(VoicepackError, match="no voice was heard"):
        intonations(kokoro, [silence], [stock_packs["af_heart"]])


def test_without_voices_it_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        pitch.main([])
    assert "required: NAME" in capsys.readouterr().err
