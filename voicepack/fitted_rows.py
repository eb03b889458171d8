"""Rows fitted to a speaker's own clips, instead of predicted from what the stock packs have in common.

The rows stay one smooth curve, `row_i = A + g(i) B`: A is the trained voice and g the stock packs' curve. B, how the
voice shifts in short utterances, is fitted by the losses of training on clips of different length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from voicepack.alignment import AlignedClip
from voicepack.rows import RowCurve, base_vector
from voicepack.training import VoiceTraining
from voicepack.voice_losses import VoiceLosses, weighted


def shift_deviation(rows: RowCurve, packs: Iterable[Tensor]) -> Tensor:
    """Return how far B of packs `[510, 1, 256]` lies from what A predicts, as a standard deviation `[256]`."""
    left_over = []
    for pack in packs:
        base = base_vector(pack)
        shift = rows.curve @ (pack[:, 0] - base) / rows.curve.square().sum()
        left_over.append(shift - rows.shift(base))
    return torch.stack(left_over).std(0)


def fit_rows(
    losses: VoiceLosses, clips: Sequence[AlignedClip], voice: Tensor, deviation: Tensor, settings: VoiceTraining
) -> RowCurve:
    """Fit B for `voice` A `[256]` on its clips; return rows that expand a voice with that B.

    B starts where the stock packs say, and moves in units of `deviation` `[256]`: by how much stock voices differ from
    what is predicted for them. Its squared distance counts as the voice's own does in training.
    """
    predicted = losses.rows
    moved = torch.zeros(256, requires_grad=True)
    optimizer = torch.optim.Adam([moved], settings.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps, settings.lr / 20)
    generator = torch.Generator().manual_seed(settings.seed)
    try:
        for step in tqdm(range(settings.steps), "fit rows"):
            losses.rows = _with_shift(predicted, predicted.shift(voice) + deviation * moved)
            chosen = [
                clips[index] for index in torch.randperm(len(clips), generator=generator)[: settings.prosody_clips]
            ]
            values = losses.of_step(
                voice[None], chosen, settings.window_seconds, generator, step, own_prosody=settings.own_prosody(step)
            )
            values["prior"] = moved.square().mean()
            weighted(values, settings.losses).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    finally:
        losses.rows = predicted
    return _with_shift(predicted, (predicted.shift(voice) + deviation * moved).detach())


def _with_shift(rows: RowCurve, shift: Tensor) -> RowCurve:
    """Return rows that expand every voice with the same B `[256]`."""
    return RowCurve(rows.curve, rows.mean_base, shift, torch.zeros_like(rows.shift_of_base))
