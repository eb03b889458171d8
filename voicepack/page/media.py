"""Sound and pictures as data that stand in the page itself."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from voicepack.constants import HOP_SAMPLES, SAMPLE_RATE
from voicepack.mel import log_mel

_DEPTH = 11.5  # natural log of power, 50 dB
_TOP_HZ, _BOTTOM_HZ = 500.0, 60.0  # of the F0 curve over the spectrogram
_LINE_SECONDS = 0.5  # between two lines of the time scale


def mp3(path: Path) -> str:
    """Return a WAV file as MP3 in a data address.

    Speech at 24 kHz takes about 7.5 kB per second at this variable rate (LAME's V3), before base64 adds a third. Where
    it is loud enough to be heard, its mel spectrogram is within 0.45 dB of the WAV file's on average; a constant
    64 kbit/s takes more and misses by 0.65 dB.
    """
    samples, rate = soundfile.read(path, dtype="float32")
    encoded = io.BytesIO()
    soundfile.write(
        encoded, samples, rate, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="VARIABLE", compression_level=0.3
    )
    return f"data:audio/mpeg;base64,{base64.b64encode(encoded.getvalue()).decode()}"


def seconds(path: Path) -> float:
    """Return how long a WAV file lasts."""
    return float(soundfile.info(path).duration)


def spectrogram(path: Path, f0: Tensor, scale: float) -> str:
    """Return an SVG of a WAV file's mel spectrogram, 50 dB deep, with its F0 curve `[frames]` in Hz on top.

    The picture is as wide as `scale` seconds, so that pictures of one scale can be compared; a shorter sound leaves
    the rest empty.
    """
    from matplotlib import colormaps
    from matplotlib.image import imsave

    audio = torch.from_numpy(soundfile.read(path, dtype="float32")[0])
    mel = log_mel(audio, 1024, 80)
    shade = ((mel - mel.max()) / _DEPTH + 1).clamp(0, 1).flip(0).numpy()
    picture = io.BytesIO()
    imsave(picture, (colormaps["magma"](shade)[..., :3] * 255).astype(np.uint8), format="png")
    encoded = base64.b64encode(picture.getvalue()).decode()
    own = len(audio) / SAMPLE_RATE
    return (
        f'<svg class="spectrogram" viewBox="0 0 {100 * scale:.1f} 100" preserveAspectRatio="none" role="img"'
        f' aria-label="mel spectrogram, {own:.1f} s, with F0"><image href="data:image/png;base64,{encoded}"'
        f' width="{100 * own:.1f}" height="100" preserveAspectRatio="none"/>'
        f"{''.join(_time_lines(scale))}{''.join(_voiced_lines(f0))}</svg>"
    )


def _time_lines(scale: float) -> list[str]:
    places = (100 * _LINE_SECONDS * (1 + index) for index in range(int(scale / _LINE_SECONDS)))
    return [f'<line class="time" x1="{place:.0f}" x2="{place:.0f}" y1="0" y2="100"/>' for place in places]


def _voiced_lines(f0: Tensor) -> list[str]:
    """Return one polyline per voiced stretch, on a log scale from 60 to 500 Hz."""
    lines: list[list[str]] = [[]]
    for frame, value in enumerate(f0.tolist()):
        if value <= 0:
            lines.append([])
            continue
        height = np.log(value / _BOTTOM_HZ) / np.log(_TOP_HZ / _BOTTOM_HZ)
        lines[-1].append(f"{100 * frame * HOP_SAMPLES / SAMPLE_RATE:.1f},{100 * (1 - height):.1f}")
    return [f'<polyline class="f0" points="{" ".join(line)}"/>' for line in lines if len(line) > 1]
