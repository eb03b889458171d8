"""How good a voice is: the measures must tell the right voice from a wrong one."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from voicepack.clips import Clip
from voicepack.evaluation import Evaluation, evaluate, reference_embedding
from voicepack.kokoro import Kokoro
from voicepack.likeness import SpeakerEncoder, nearest_voice
from voicepack.text import phonemize

TEXTS = ("The old clock in the hall had stopped at noon.", "Nobody remembered to bring the paper lanterns.")
TRAIN = ("A gentle breeze moved the long grass beside the pond.", "He painted the old wooden fence bright yellow.")
SPEAKER, FLOOR, WRONG = "af_heart", "af_nicole", "am_michael"


def test_the_nearest_voice_is_the_one_in_the_same_direction() -> None:
    speakers = {"b": torch.tensor([0.0, 1.0]), "a": torch.tensor([1.0, 0.2]), "c": torch.tensor([-1.0, 0.0])}
    assert nearest_voice(speakers, torch.tensor([0.5, 0.0])) == "a"
    assert nearest_voice(speakers, torch.tensor([0.1, 3.0])) == "b"


@pytest.fixture(scope="module")
def recorded(kokoro: Kokoro, stock_packs: dict[str, Tensor]) -> SimpleNamespace:
    """Clips of a stock voice, as if they were recordings, and a judge."""

    def clip(text: str, seed: int) -> Clip:
        phonemes = phonemize(text)
        audio = kokoro.render(phonemes, stock_packs[SPEAKER], seed=seed)
        return Clip(f"train/{seed}.wav", text, phonemes, audio, 12_000.0, 40.0)

    judge = SpeakerEncoder()
    reference = reference_embedding(judge, [clip(text, 10 + index) for index, text in enumerate(TRAIN)])
    held_out = [clip(text, 20 + index) for index, text in enumerate(TEXTS)]
    return SimpleNamespace(judge=judge, reference=reference, held_out=held_out)


def judged(kokoro: Kokoro, recorded: SimpleNamespace, packs: dict[str, Tensor], name: str) -> Evaluation:
    """Evaluate a stock voice as if it were the new one, with a transcriber that hears the first text in everything."""
    floor = (FLOOR, packs[FLOOR])
    return evaluate(
        kokoro, packs[name], floor, recorded.reference, recorded.held_out, recorded.judge, lambda audio: TEXTS[0]
    )


@pytest.mark.slow
def test_the_voice_that_spoke_is_told_from_others(
    kokoro: Kokoro, stock_packs: dict[str, Tensor], recorded: SimpleNamespace
) -> None:
    result = judged(kokoro, recorded, stock_packs, SPEAKER)
    right, wrong = result.metrics, judged(kokoro, recorded, stock_packs, WRONG).metrics
    assert all(math.isfinite(value) for value in right.values())
    assert right["likeness_normalised"] > 0.7
    assert right["mel_loss"] < 0.9 * right["mel_loss_floor"]
    assert right["f0_rmse_cents"] < right["f0_rmse_cents_floor"]
    assert wrong["likeness_normalised"] < 0.3
    assert wrong["mel_loss"] > 1.1 * right["mel_loss"]
    for name in ("likeness_ceiling", "likeness_floor", "mel_loss_floor"):  # neither depends on the voice
        assert wrong[name] == pytest.approx(right[name], abs=1e-4)

    # Half of what was "heard" is another text: the rates are of words, the same for all three.
    assert 0.3 < right["wer"] < 1
    assert right["wer"] == right["wer_floor"] == right["wer_ceiling"]
    names = [each.name for each in recorded.held_out]
    assert [(each.voice, each.clip) for each in result.sentences] == [
        (voice, name) for name in names for voice in ("new", FLOOR)
    ]
    assert set(result.renders) == {(voice, name) for voice in ("new", FLOOR) for name in names}
    assert sum(each.likeness for each in result.sentences[::2]) / 2 == pytest.approx(right["likeness"])
