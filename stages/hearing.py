"""What renders are heard with: the judge that the stock voices were judged by, and the speaker of the reference."""

from __future__ import annotations

import torch
from torch import Tensor

from stages import places
from voicepack.files import read_tensors
from voicepack.speaking import Hearing


def read_judge() -> tuple[str, Tensor]:
    """Return the name of the speaker encoder that judges, and the embeddings `[V, D]` of the stock voices."""
    speakers, about = read_tensors(places.STOCK_SPEAKERS)
    return about["judge"], torch.stack([speakers[name] for name in sorted(speakers)])


def read_hearing(voice: str) -> Hearing:
    """Return what renders of a voice are heard with, after stage `reference`."""
    judge, stock_speakers = read_judge()
    return Hearing(places.KOKORO, judge, read_tensors(places.speaker(voice))[0]["embedding"], stock_speakers)


def nearest_stock(voice: str) -> str:
    """Return the name of the stock voice that is a voice's floor."""
    return read_tensors(places.speaker(voice))[1]["nearest"]
