"""The embeddings of the stock voices, each under its own name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from voicepack import stock_likeness
from voicepack.stock_likeness import embed_stock_voices


class AtOnce:
    """Does the work itself, in the place of workers."""

    def __init__(self, load: Callable[[], Any], count: int) -> None:
        self._tools = load()

    def map(self, work: Callable[[Any, Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return (work(self._tools, item) for item in items)

    def __enter__(self) -> AtOnce:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Parrot:
    """Says how long a text is and which pack speaks, and hears both."""

    def __init__(self, *_: object) -> None:
        pass

    def render(self, phonemes: str, pack: torch.Tensor) -> torch.Tensor:
        return torch.tensor([float(len(phonemes)), float(pack.mean())])

    def embed(self, audio: torch.Tensor) -> torch.Tensor:
        return audio


def test_every_stock_voice_has_its_own_embeddings_of_all_texts_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock_likeness, "Workers", AtOnce)
    monkeypatch.setattr(stock_likeness, "Kokoro", Parrot)
    monkeypatch.setattr(stock_likeness, "load_speaker_encoder", Parrot)
    packs = {name: torch.full((510, 1, 256), float(index)) for index, name in enumerate(("ann", "ben", "cid"))}
    found = embed_stock_voices(Path("nowhere"), "nobody", packs, ["a", "bb"])
    assert {name: each.tolist() for name, each in found.items()} == {
        name: [[1, index], [2, index]] for index, name in enumerate(packs)
    }
