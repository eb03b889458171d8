"""How high voices speak, by all that was spoken."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from stages import pitch
from stages.pitch import melody, pitch_of
from voicepack.audio import write_audio
from voicepack.clips import Clip
from voicepack.errors import VoicepackError
from voicepack.kokoro import Kokoro
from voicepack.text import phonemize


def hum(hertz: float, seconds: float = 1.0) -> Tensor:
    """Return a voice-like tone `[samples]`: ten harmonics, each weaker than the one before."""
    time = torch.arange(round(24_000 * seconds)) / 24_000
    return 0.1 * torch.stack([torch.sin(2 * torch.pi * hertz * n * time) / n for n in range(1, 11)]).sum(0)


def test_voices_are_compared_by_all_voiced_frames_and_clips_by_their_means() -> None:
    speaker = pitch_of([hum(110), hum(130), torch.zeros(24_000)])
    voice = pitch_of([hum(132, 2.0)])
    assert voice.by(speaker) == pytest.approx(132 / (110 * 130) ** 0.5, rel=0.01)
    assert speaker.deviation == pytest.approx(torch.tensor(130 / 110).log().item() / 2, rel=0.1)
    assert voice.deviation == 0


def test_recordings_without_voice_are_one_line() -> None:
    with pytest.raises(VoicepackError, match="no voice was heard"):
        pitch_of([torch.zeros(24_000)])


def test_a_voice_has_its_own_melody_and_another_has_not(
    kokoro: Kokoro, stock_packs: dict[str, Tensor], tmp_path: Path
) -> None:
    phonemes = phonemize("Did you really walk home in the rain?")
    own, other = stock_packs["af_heart"], stock_packs["am_michael"]
    recording = kokoro.render(phonemes, own, seed=1)
    write_audio(tmp_path / "0.wav", recording)
    clips = [Clip("0", "", phonemes, tmp_path / "0.wav", len(recording), 12_000, 60)]
    assert melody(kokoro, clips, other) < 0.9 < melody(kokoro, clips, own)


def test_without_voices_it_is_one_line() -> None:
    with pytest.raises(VoicepackError, match="name voices"):
        pitch.main([])
