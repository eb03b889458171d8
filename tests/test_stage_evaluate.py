"""How far off a voice is from the truth, where that is known, and its language; the rest is in test_pipeline.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from imports import ROOT
from torch import Tensor

from stages import places
from stages.evaluate import phonemes_of, recovery
from voicepack.files import write_tensors
from voicepack.text import phonemize

TRUE = torch.randn(256, generator=torch.Generator().manual_seed(0))


def pack_of(voice: Tensor) -> Tensor:
    return voice.expand(510, 1, 256)


# `af_other` is the true voice itself: the floor is only what stage `reference` has found nearest.
STOCK = {"af_near": pack_of(2 * TRUE), "af_other": pack_of(TRUE)}


@pytest.fixture(autouse=True)
def _prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A synthetic speaker `synthetic` and a real one, `real`, to both of whom the stock voice `af_near` is nearest."""
    monkeypatch.chdir(tmp_path)
    for voice in ("synthetic", "real"):
        write_tensors(places.speaker(voice), {"embedding": torch.ones(2)}, {"nearest": "af_near"})
        places.clips(voice).mkdir(parents=True)
    write_tensors(places.clips("synthetic") / places.TRUTH, {"voice": TRUE})


@pytest.mark.parametrize("language", ["a", "b"])
def test_the_users_sentences_are_spoken_in_the_language_of_the_recordings(language: str) -> None:
    Path("params.yaml").write_text(f"prepare:\n  language: {language}\n")
    text = "The car passed the new garden."
    assert phonemes_of([text]) == [phonemize(text, language)]


def test_the_true_voice_is_not_off_and_the_stock_voice_by_its_distance() -> None:
    found = recovery("synthetic", pack_of(TRUE), STOCK)
    assert found == pytest.approx(
        {
            "recovered_acoustic_error": 0, "recovered_prosodic_error": 0,
            "stock_acoustic_error": 1, "stock_prosodic_error": 1,
        },
        abs=1e-5,
    )  # fmt: skip


def test_each_half_is_off_by_itself() -> None:
    voice = TRUE.clone()
    voice[128:] *= 1.5
    found = recovery("synthetic", pack_of(voice), STOCK)
    assert found["recovered_acoustic_error"] == pytest.approx(0, abs=1e-5)
    assert found["recovered_prosodic_error"] == pytest.approx(0.5, abs=1e-5)


def test_of_a_real_speaker_nothing_is_said() -> None:
    assert recovery("real", pack_of(TRUE), STOCK) == {}


def test_the_demo_is_nearer_to_its_true_voice_than_the_nearest_stock_voice_is() -> None:
    measured = json.loads((ROOT / "metrics/demo.json").read_text())
    for half in ("acoustic", "prosodic"):
        assert measured[f"recovered_{half}_error"] < 0.75 * measured[f"stock_{half}_error"]
