"""Training by L-BFGS with a line search instead of Adam: fewer and better steps, if the losses allow them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from voicepack.alignment import AlignedClip
from voicepack.projection import Projection
from voicepack.shifted_projection import ShiftedProjection
from voicepack.training import VoiceTraining
from voicepack.voice_losses import VoiceLosses, weighted

AT_ONCE = 4  # training steps whose losses are added up in one evaluation


def search_voice(
    losses: VoiceLosses,
    clips: Sequence[AlignedClip],
    start: Tensor,
    settings: VoiceTraining,
    evaluations: int,
) -> tuple[Tensor, int]:
    """Return the voice vector `[256]` that the search finds from `start` `[256]`, and how many evaluations it took.

    A line search compares values of one function, so clips, windows and Kokoro's noise are drawn once and stay. Each
    evaluation costs as much as `AT_ONCE` steps of training; the last search may go a little beyond `evaluations`.
    """
    moved = ShiftedProjection(Projection(hidden=1), losses.space)  # only its shift: that moves as in training
    optimizer = torch.optim.LBFGS(
        [moved.along, moved.around], max_iter=evaluations, max_eval=evaluations, line_search_fn="strong_wolfe"
    )
    taken = 0

    def evaluate() -> Tensor:
        nonlocal taken
        taken += 1
        optimizer.zero_grad()
        total = torch.zeros(())
        for number in range(AT_ONCE):
            chosen = [clips[(number + later) % len(clips)] for later in range(min(settings.prosody_clips, len(clips)))]
            generator, own = torch.Generator().manual_seed(number), settings.own_prosody(number)
            voice = (start + moved.shift())[None]
            values = losses.of_step(voice, chosen, settings.window_seconds, generator, number, own_prosody=own)
            part = weighted(values, settings.losses) / AT_ONCE
            part.backward()  # type: ignore[no-untyped-call]
            total += part.detach()
        return total

    optimizer.step(evaluate)  # type: ignore[no-untyped-call, arg-type]
    with torch.no_grad():
        return start + moved.shift(), taken
