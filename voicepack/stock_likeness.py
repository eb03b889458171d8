"""The evaluation's sentences spoken by every stock voice, as the judge hears them: what likeness is measured from."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from voicepack.device import speakers_at_once, speaking_device
from voicepack.kokoro import Kokoro
from voicepack.likeness import embed_render
from voicepack.speaker_encoder import SpeakerEncoder, load_speaker_encoder
from voicepack.workers import Workers


@dataclass(frozen=True)
class _Tools:
    kokoro: Kokoro
    judge: SpeakerEncoder
    packs: Mapping[str, Tensor]


def embed_stock_voices(
    kokoro: Path, judge: str, packs: Mapping[str, Tensor], phonemes: Sequence[str]
) -> dict[str, Tensor]:
    """Speak every phoneme string with every pack `[510, 1, 256]`; return embeddings `[N, D]` by voice.

    `kokoro` is the folder of the weights, `judge` as in `load_speaker_encoder`.
    """
    tasks = [(name, spoken) for spoken in phonemes for name in packs]
    device = speaking_device()
    load = functools.partial(_load, kokoro, device, judge, packs)
    with Workers(load, speakers_at_once(device)) as workers:
        embeddings = list(tqdm(workers.map(_embed, tasks), "speak and embed", len(tasks), unit="render"))
    return {name: torch.stack(embeddings[index :: len(packs)]) for index, name in enumerate(packs)}


def _load(kokoro: Path, device: torch.device, judge: str, packs: Mapping[str, Tensor]) -> _Tools:
    return _Tools(Kokoro(kokoro, device), load_speaker_encoder(judge), packs)


def _embed(tools: _Tools, task: tuple[str, str]) -> Tensor:
    name, spoken = task
    return embed_render(tools.judge, tools.kokoro.render(spoken, tools.packs[name]))
