"""The pitch and tempo of a trained voice brought to the speaker's, by the smallest shift of the vector that does it.

Training compares the F0 that Kokoro predicts with a recording's, for the recording's durations. A voice that then
speaks by itself comes out a few per cent too high: its own durations differ, and so does what a tracker hears of its
sound. Here it says the texts of the recordings as it likes, and is heard as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from voicepack.alignment import voiced_pairs, warping_path
from voicepack.clips import Clip
from voicepack.constants import HALVES, PREDICTOR
from voicepack.kokoro import Kokoro, row_of
from voicepack.pitch import f0_curves
from voicepack.prosody_losses import VOICED
from voicepack.silence import trim_silence
from voicepack.voices import VoiceSpace

# Nepers in each step, about 16 %. Training left 12 % of ten real speakers at most; a tracker lost in noise may say
# anything.
LARGEST_OFFSET = 0.15

# One takes nearly all of an offset in tempo away, of one in pitch at times little (docs/ablation.md).
STEPS = 2

Expand = Callable[[Tensor], Tensor]  # a voice vector `[256]` to a pack `[510, 1, 256]`, differentiable


@dataclass(frozen=True)
class Offsets:
    """How much too high and too fast a voice speaks, in nepers (0.01 is 1 %)."""

    pitch: float
    rate: float


def calibrate(
    kokoro: Kokoro, clips: Sequence[Clip], voice: Tensor, expand: Expand, space: VoiceSpace
) -> tuple[Tensor, list[Offsets]]:
    """Bring a voice vector `[256]` to the pitch and tempo of clips; return it, and what was heard before each step."""
    recorded = f0_curves(clip.audio for clip in clips)
    heard = []
    for _ in range(STEPS):
        heard.append(hear_offsets(kokoro, clips, recorded, expand(voice)))
        voice = voice + smallest_shift(kokoro, clips, voice, expand, space, heard[-1])
    return voice, heard


def hear_offsets(kokoro: Kokoro, clips: Sequence[Clip], recorded: Sequence[Tensor], pack: Tensor) -> Offsets:
    """Return how far a pack `[510, 1, 256]` speaks the texts of clips, whose F0 curves are `recorded`, from them.

    In pitch the mean over the frames of all clips that are voiced in both, paired by time warping; the tracker's
    octave errors do not count, nor do clips without voice, as whispered ones. In tempo the time between the silences at
    both ends.
    """
    differences, render_samples, recording_samples = [], 0, 0
    renders = [kokoro.render(clip.phonemes, pack) for clip in clips]
    for clip, render, own, curve in zip(clips, renders, f0_curves(renders), recorded, strict=True):
        recording = clip.audio
        ours, theirs = voiced_pairs(warping_path(render, recording), own, curve)
        differences.append(ours - theirs)
        render_samples += len(trim_silence(render))
        recording_samples += len(trim_silence(recording))
    pitch = torch.cat(differences)
    return Offsets(float(pitch.mean()) if len(pitch) else 0.0, math.log(recording_samples / render_samples))


def smallest_shift(
    kokoro: Kokoro, clips: Sequence[Clip], voice: Tensor, expand: Expand, space: VoiceSpace, offsets: Offsets
) -> Tensor:
    """Return the shift `[256]` that takes offsets, up to LARGEST_OFFSET each, off a voice vector `[256]`.

    Smallest in units of how the stock voices vary, so that it goes along directions in which voices differ: the
    least-norm solution `C J' (J C J')^-1 d`, with the covariance C of the space and the gradients J of mean log F0 and
    of tempo as Kokoro predicts them.
    """
    vector = voice.clone().requires_grad_()
    pack = expand(vector)
    f0, durations = [], []
    for clip in clips:
        row = row_of(pack, clip.phonemes).to(kokoro.device)
        predicted = kokoro.predict(kokoro.encode_text(clip.phonemes), row)
        f0.append(predicted.f0[predicted.f0.detach() > VOICED].log())
        durations.append(predicted.durations[1:-1])  # not the silence at both ends
    measures = torch.cat(f0).mean(), -torch.cat(durations).sum().log()
    gradients = torch.stack([torch.autograd.grad(each, vector, retain_graph=True)[0][PREDICTOR] for each in measures])
    wanted = -torch.tensor([offsets.pitch, offsets.rate]).clamp(-LARGEST_OFFSET, LARGEST_OFFSET)
    along = space.covariance(HALVES.index(PREDICTOR)) @ gradients.T  # [128, 2]
    shift = torch.zeros_like(voice)
    shift[PREDICTOR] = along @ torch.linalg.solve(gradients @ along, wanted)
    return shift
