"""Damaging clean speech as real recordings are damaged, so that the encoder learns to hear through it."""

from __future__ import annotations

import io

import numpy as np
import soundfile
import torch
from torch import Tensor

from voicepack.audio import limit_band
from voicepack.constants import SAMPLE_RATE


def damage(audio: Tensor, generator: torch.Generator) -> Tensor:
    """Damage a clip `[samples]`: some of room, tilt, band limit, noise, codec, clipping, level, in that order.

    A quarter of the clips keep everything but their level. The length stays.
    """
    if _uniform(generator) < 0.75:
        if _uniform(generator) < 0.35:
            audio = add_room(audio, 0.1 + 0.5 * _uniform(generator), generator)
        if _uniform(generator) < 0.5:
            audio = tilt(audio, 8 * _uniform(generator) - 4)
        if _uniform(generator) < 0.4:
            limit = (3_400, 4_000, 5_500, 8_000, 8_000, 11_025)[int(6 * _uniform(generator))]
            audio = limit_band(audio, limit)
        if _uniform(generator) < 0.6:
            audio = add_noise(audio, 5 + 35 * _uniform(generator), generator)
        if _uniform(generator) < 0.15:
            audio = through_codec(audio)
        if _uniform(generator) < 0.1:
            audio = clip_peaks(audio, 0.3 + 0.6 * _uniform(generator))
    level = 10 ** ((6 * _uniform(generator) - 3) / 20)
    return audio * level


def add_noise(audio: Tensor, signal_to_noise: float, generator: torch.Generator) -> Tensor:
    """Add noise between white and brown, `signal_to_noise` dB below the clip's mean power."""
    spectrum = torch.fft.rfft(torch.randn(len(audio), generator=generator))
    slope = 2 * _uniform(generator)
    frequency = torch.linspace(0, 1, len(spectrum)).clamp_min(50 / (SAMPLE_RATE / 2))
    noise = torch.fft.irfft(spectrum * frequency ** (-slope / 2), len(audio))
    power = audio.square().mean() / noise.square().mean().clamp_min(1e-12)
    return audio + noise * (power * 10 ** (-signal_to_noise / 10)).sqrt()


def add_room(audio: Tensor, reverberation_time: float, generator: torch.Generator) -> Tensor:
    """Convolve with a synthetic room: the direct sound, then noise that decays by 60 dB in `reverberation_time` s."""
    samples = int(reverberation_time * SAMPLE_RATE)
    decay = 10 ** (-3 * torch.arange(samples) / samples)
    tail = torch.randn(samples, generator=generator) * decay
    tail[: int(0.003 * SAMPLE_RATE)] = 0
    direct_to_tail = 10 ** ((3 + 15 * _uniform(generator)) / 20)
    response = tail / tail.norm().clamp_min(1e-9) / direct_to_tail
    response[0] = 1
    length = len(audio) + samples
    wet = torch.fft.irfft(torch.fft.rfft(audio, length) * torch.fft.rfft(response, length), length)
    return wet[: len(audio)]


def tilt(audio: Tensor, decibels_per_octave: float) -> Tensor:
    """Tilt the spectrum around 1 kHz, between 100 Hz and 10 kHz, as microphones and equalisers do."""
    frequency = torch.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE).clamp(100, 10_000)
    gain = 10 ** (decibels_per_octave * torch.log2(frequency / 1_000) / 20)
    return torch.fft.irfft(torch.fft.rfft(audio) * gain, len(audio))


def clip_peaks(audio: Tensor, fraction: float) -> Tensor:
    """Clip at a fraction of the peak."""
    limit = fraction * float(audio.abs().max())
    return audio.clamp(-limit, limit)


def through_codec(audio: Tensor) -> Tensor:
    """Encode and decode with Ogg Vorbis at its lowest quality."""
    buffer = io.BytesIO()
    soundfile.write(buffer, audio.numpy(), SAMPLE_RATE, format="OGG", subtype="VORBIS", compression_level=1.0)
    buffer.seek(0)
    decoded, _ = soundfile.read(buffer, dtype="float32")
    result = np.zeros(len(audio), dtype=np.float32)
    result[: len(decoded)] = decoded[: len(result)]
    return torch.from_numpy(result)


def _uniform(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))
