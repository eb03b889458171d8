"""A random walk over packs in the manner of KVoiceWalk, as a baseline. Own code, after its published description.

As there: it starts from a stock voice, adds noise to every value of the pack in units of its deviation among the stock
voices, and keeps what scores better. The score is a weighted harmonic mean of likeness to the target and of likeness
between two sentences of the same voice, by Resemblyzer; its third part, acoustic features at 2 %, is left out. Every
step speaks one sentence, and a second one only if the first is nearly as good as the best so far.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from tqdm import tqdm

from voicepack.kokoro import Kokoro
from voicepack.likeness import cosine, embed_render
from voicepack.speaker_encoder import SpeakerEncoder

_TARGET_WEIGHT, _SELF_WEIGHT = 0.48, 0.5
_LEAST, _MOST = 0.01, 0.15  # of the noise
_GATE = 0.98  # of the best likeness so far


def random_walk(
    kokoro: Kokoro,
    judge: SpeakerEncoder,
    reference: Tensor,
    start: Tensor,
    stock_packs: Mapping[str, Tensor],
    texts: tuple[str, str],
    *,
    steps: int,
    seed: int = 0,
) -> Tensor:
    """Walk `steps` steps from the pack `start` `[510, 1, 256]` towards the speaker `reference` `[D]`.

    `texts` are two phoneme strings, of the target recording and another one.
    """
    generator = torch.Generator().manual_seed(seed)
    deviation = torch.stack(list(stock_packs.values())).std(0)  # [510, 1, 256]

    def embed(pack: Tensor, text: str) -> Tensor:
        return embed_render(judge, kokoro.render(text, pack))

    def score(pack: Tensor, least: float) -> tuple[float, float]:
        first = embed(pack, texts[0])
        target = cosine(first, reference)
        if target <= least:
            return 0.0, target
        own = cosine(first, embed(pack, texts[1]))
        weights = _TARGET_WEIGHT + _SELF_WEIGHT
        return weights / (_TARGET_WEIGHT / max(target, 1e-3) + _SELF_WEIGHT / max(own, 1e-3)), target

    best = start
    best_score, best_target = score(start, -1.0)
    for _ in tqdm(range(steps), "random walk"):
        size = _LEAST + (_MOST - _LEAST) * float(torch.rand((), generator=generator))
        candidate = best + size * deviation * torch.randn(deviation.shape, generator=generator)
        found, target = score(candidate, _GATE * best_target)
        if found > best_score:
            best, best_score, best_target = candidate, found, target
    return best
