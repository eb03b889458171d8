"""Mel spectrograms: the one that StyleTTS2's encoders read, and the ones that losses compare."""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torchaudio.transforms import MelSpectrogram

from voicepack.constants import HOP_SAMPLES, SAMPLE_RATE


def style_mel(audio: Tensor) -> Tensor:
    """Return the mel that StyleTTS2 computes for its encoders: `[…, samples]` to `[…, 80, samples // 300 + 1]`.

    Exactly `preprocess` of yl4579/StyleTTS2: n_fft 2048, window 1200, hop 300, 80 mels, `(log(1e-5 + mel) + 4) / 4`.
    StyleTTS2 leaves torchaudio's `sample_rate` at 16000 though the audio has 24 kHz, which only stretches the mel
    scale; its checkpoints expect that, so it stays.
    """
    transform = _transform(2048, 1200, HOP_SAMPLES, 80, 16_000, audio.device)
    return (torch.log(1e-5 + transform(audio)) + 4) / 4


def log_mel(audio: Tensor, n_fft: int, bands: int) -> Tensor:
    """Return a natural-log mel spectrogram `[…, bands, samples // hop + 1]` with hop `n_fft // 4`, floor 1e-5."""
    transform = _transform(n_fft, n_fft, n_fft // 4, bands, SAMPLE_RATE, audio.device)
    return torch.log(1e-5 + transform(audio))


def band_centres(bands: int) -> Tensor:
    """Return the centre frequency `[bands]` in Hz of each band of `log_mel` (HTK mel scale, 0 to 12 kHz)."""
    top = 2595.0 * torch.log10(torch.tensor(1 + SAMPLE_RATE / 2 / 700))
    mel = torch.linspace(0, float(top), bands + 2)[1:-1]
    return 700 * (10 ** (mel / 2595) - 1)


@functools.cache
def _transform(n_fft: int, window: int, hop: int, bands: int, sample_rate: int, device: torch.device) -> MelSpectrogram:
    transform = MelSpectrogram(sample_rate=sample_rate, n_fft=n_fft, win_length=window, hop_length=hop, n_mels=bands)
    return transform.to(device)
