"""Which part of a recording speaks which phoneme: by warping a rendering of the same text onto it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad
from torchaudio.functional import create_dct

from voicepack.clips import Clip
from voicepack.constants import FRAME_SAMPLES, HOP_SAMPLES
from voicepack.kokoro import EncodedText, Kokoro, row_of
from voicepack.mel import style_mel
from voicepack.pitch import ENERGY_OFFSET, energy_curve, f0_curves

_COEFFICIENTS = 20
_HALF_AN_OCTAVE = math.log(2) / 2  # nepers


@dataclass(frozen=True)
class AlignedClip:
    """A recording in Kokoro's own terms: what `Kokoro.decode` needs to speak it with another voice."""

    name: str
    text: EncodedText
    frames: Tensor  # [T], frames of 600 samples that each phoneme lasts
    f0: Tensor  # [1, 2 F], Hz
    energy: Tensor  # [1, 2 F]
    audio: Tensor  # [600 F]
    bandwidth: float  # Hz

    def to(self, device: torch.device | str) -> AlignedClip:
        """Return the clip on a device."""
        text = replace(self.text, prosodic=self.text.prosodic.to(device), acoustic=self.text.acoustic.to(device))
        parts = {name: getattr(self, name).to(device) for name in ("frames", "f0", "energy", "audio")}
        return replace(self, text=text, **parts)


def align(kokoro: Kokoro, clips: Sequence[Clip], pack: Tensor) -> list[AlignedClip]:
    """Align clips with renderings of their texts, whose durations are known.

    They are spoken with a pack `[510, 1, 256]` or with one vector `[1, 256]`.
    """
    recordings = [pad(clip.audio, (0, -clip.samples % FRAME_SAMPLES)) for clip in clips]
    every = zip(clips, recordings, f0_curves(recordings), strict=True)
    return [_align(kokoro, clip, audio, f0, pack) for clip, audio, f0 in every]


def _align(kokoro: Kokoro, clip: Clip, audio: Tensor, f0: Tensor, pack: Tensor) -> AlignedClip:
    voice = row_of(pack, clip.phonemes).to(kokoro.device)
    text = kokoro.encode_text(clip.phonemes)
    with torch.no_grad():
        prosody = kokoro.predict(text, voice)
        rendered = kokoro.decode(text, prosody.frames, prosody.f0, prosody.energy, voice, seed=0)
    path = warping_path(rendered.cpu(), audio)
    frames = warp_durations(prosody.frames.cpu(), path, len(audio) // FRAME_SAMPLES)
    energy = (energy_curve(audio) + ENERGY_OFFSET)[None]
    return AlignedClip(clip.name, text, frames, f0[None], energy, audio, clip.bandwidth).to(kokoro.device)


def warping_path(first: Tensor, second: Tensor) -> Tensor:
    """Return the DTW path `[steps, 2]` in hops of 300 samples between two clips `[samples]`, from start to end.

    The features are mel cepstra without their level, normalised per clip: what is said, not who says it.
    """
    from librosa.sequence import dtw  # here, because it takes a second or two, and few stages warp

    cost = 1 - cepstra(first) @ cepstra(second).T  # [hops, hops], cosine distance
    _, path = dtw(
        C=cost.numpy(),
        step_sizes_sigma=np.array([[1, 1], [1, 0], [0, 1]]),
        weights_add=np.array([0.0, 0.05, 0.05]),  # otherwise noise in silences makes the path stall
    )
    return torch.from_numpy(path[::-1].copy())


def voiced_pairs(path: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return log F0 in nepers where both of two curves `[hops]` in Hz are voiced (above 0), step by step of a path.

    Without the steps where one differs from the other by half an octave more than it mostly does: those are octave
    errors of the tracker. One text spoken twice by one voice, with another seed of its noise, has a correlation of .38
    to .97 with them and .95 to 1.00 without (three stock voices, three texts; the melody is the same).
    """
    ours, theirs = first[path[:, 0]], second[path[:, 1]]
    both = (ours > 0) & (theirs > 0)
    ours, theirs = ours[both].log(), theirs[both].log()
    difference = ours - theirs
    right = (difference - difference.median()).abs() < _HALF_AN_OCTAVE
    return ours[right], theirs[right]


def cepstra(audio: Tensor) -> Tensor:
    """Return mel cepstra and their slopes `[hops, 40]`, each normalised over the clip, each hop of unit length."""
    # The mel has one frame more than there are hops, around the very end.
    static = style_mel(audio)[:, : len(audio) // HOP_SAMPLES].T @ create_dct(_COEFFICIENTS + 1, 80, norm="ortho")[:, 1:]
    slope = torch.gradient(static, dim=0)[0]
    features = torch.cat([static, slope], dim=1)
    features = (features - features.mean(0)) / features.std(0).clamp_min(1e-5)
    return features / features.norm(dim=1, keepdim=True).clamp_min(1e-5)


def warp_durations(frames: Tensor, path: Tensor, total: int) -> Tensor:
    """Carry phoneme durations `[T]` in frames along a path in hops (two to a frame) onto a clip of `total` frames.

    Every phoneme keeps at least one frame where `total` allows it, and the durations add up to `total`.
    """
    boundaries = 2 * frames.cumsum(0)[:-1]  # in hops of the rendering
    rendered, recorded = path.T.contiguous()
    # A hop of the rendering may meet several of the recording: take the middle of them.
    first = recorded[torch.searchsorted(rendered, boundaries)]
    last = recorded[torch.searchsorted(rendered, boundaries, right=True) - 1]
    warped = ((first + last).double() / 4).round().long()
    order = torch.arange(1, len(frames))
    if total >= len(frames):
        warped = torch.maximum(warped - order, torch.zeros(())).cummax(0).values.long() + order
        warped = torch.minimum(warped, total - len(frames) + order)
    warped = warped.clamp(0, total)
    return torch.diff(warped, prepend=torch.tensor([0]), append=torch.tensor([total]))
