"""How much one voice sounds like another, by a speaker encoder that nothing is trained with.

A cosine by itself says little (to Resemblyzer two different speakers have .52, two recordings of one speaker .89), so
it is always shown between a floor, the stock voice nearest to the speaker, and a ceiling, other real clips of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from voicepack.errors import VoicepackError
from voicepack.speaker_encoder import SpeakerEncoder


def cosine(a: Tensor, b: Tensor) -> float:
    """Return the cosine of two embeddings `[D]`."""
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


def embed_render(encoder: SpeakerEncoder, render: Tensor) -> Tensor:
    """Embed a render `[samples]`, `[D]`. One in which no speech is heard is like nobody: its embedding is zero."""
    try:
        return encoder.embed(render)
    except VoicepackError:
        return torch.zeros(encoder.size)


def speaker_embedding(embeddings: Sequence[Tensor]) -> Tensor:
    """Return the embedding of a speaker `[D]`: the mean of those of their clips, brought back to unit length."""
    return torch.nn.functional.normalize(torch.stack(list(embeddings)).mean(0), dim=0)


def nearest_voice(speakers: Mapping[str, Tensor], reference: Tensor) -> str:
    """Return the stock voice whose speaker embedding `[D]` is nearest to the reference `[D]`.

    Of several embeddings `[N, D]` of a voice, one per sentence, the mean likeness counts.
    """
    return max(sorted(speakers), key=lambda name: float((speakers[name] @ reference).mean()))


def normalised_likeness(value: float, floor: float, ceiling: float) -> float:
    """Place a cosine on the scale where the floor (nearest stock voice) is 0 and the ceiling (real clips) is 1.

    It may lie outside: below 0 the nearest stock voice would have done better. Raises ValueError unless the ceiling
    is above the floor: then the encoder cannot tell the speaker from a stock voice and there is no scale.
    """
    if not ceiling > floor:
        raise ValueError(f"the ceiling {ceiling:.3f} is not above the floor {floor:.3f}, so there is no scale")
    return (value - floor) / (ceiling - floor)
