"""The measures must tell the right voice from a wrong one, and each fault must move the measure that is about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import MODELS
from recordings import clip_of
from torch import Tensor
from torchaudio.functional import lowpass_biquad

from voicepack.alignment import align
from voicepack.clips import Clip
from voicepack.evaluation import length_table, score_table, summarise
from voicepack.files import read_tensors
from voicepack.floor_and_ceiling import ceilings, held_out_sentences, reference_embedding
from voicepack.kokoro import Kokoro
from voicepack.likeness import nearest_voice
from voicepack.renders import FLOOR, NEW, Render, of_voice
from voicepack.sentence import fixed_sentences, real_speech
from voicepack.speaker_encoder import load_speaker_encoder
from voicepack.speaking import Hearing, Listener, Utterance
from voicepack.text import phonemize

pytestmark = pytest.mark.slow

TRAIN = ("A gentle wind moved the tall grass beside the river.", "He painted the old wooden fence bright yellow.")
HELD_OUT = ("The old clock in the hall had stopped at noon.", "Nobody remembered to bring the paper lanterns.")
SPEAKER, WRONG = "af_heart", "am_michael"


class Bench:
    """A stock voice as if it were a real speaker, and everything that judges packs of it."""

    def __init__(self, kokoro: Kokoro, packs: dict[str, Tensor], folder: Path) -> None:
        self.kokoro, self.packs, self.folder = kokoro, packs, folder
        self.judge = load_speaker_encoder("resemblyzer")
        reference = reference_embedding(self.judge, [self._clip(text, 10 + n) for n, text in enumerate(TRAIN)])
        # The speaker himself is left out of the stock voices: he would be his own floor.
        speakers = {name: row for name, row in _stock("stock_speakers").items() if name != SPEAKER}
        spoken = {name: rows for name, rows in _stock("stock_sentences").items() if name != SPEAKER}
        self.nearest = nearest_voice(spoken, reference)
        self.hearing = Hearing(MODELS / "kokoro", "resemblyzer", reference, torch.stack(list(speakers.values())))
        held_out = [self._clip(text, 20 + n) for n, text in enumerate(HELD_OUT)]
        floor = packs[self.nearest]
        aligned = held_out_sentences(held_out, lambda clips: align(kokoro, clips, floor), 20)
        self.sentences = [*fixed_sentences(6)[:5], *aligned]
        self.listener = Listener(self.hearing, kokoro.device)
        self.reference = self.speak(FLOOR, floor, real=True)
        self.reference += ceilings(
            self.judge, self.hearing, real_speech(self.sentences), of_voice(self.reference, FLOOR)
        )

    def speak(self, voice: str, pack: Tensor, seeds: Sequence[int] = (0,), *, real: bool = False) -> list[Render]:
        tasks = [Utterance(each, {voice: pack[len(each.phonemes) - 1]}, seeds, real) for each in self.sentences]
        return [render for task in tasks for render in self.listener.hear(task)]

    def judged(
        self, pack: Tensor, damage: Callable[[Tensor], Tensor] = lambda audio: audio, seeds: Sequence[int] = (0,)
    ) -> dict[str, float]:
        """Return the metrics of a pack whose renders are damaged on their way to the judge."""
        kokoro = self.listener._kokoro
        self.listener._kokoro = SimpleNamespace(
            render=lambda *args, **kwargs: damage(kokoro.render(*args, **kwargs)),
            device=kokoro.device,
            encode_text=kokoro.encode_text,
            decode=lambda *args, **kwargs: damage(kokoro.decode(*args, **kwargs)),
        )  # type: ignore[assignment]
        try:
            self.renders = [*self.speak(NEW, pack, seeds), *self.reference]
        finally:
            self.listener._kokoro = kokoro
        return summarise(self.renders)

    def _clip(self, text: str, seed: int) -> Clip:
        phonemes = phonemize(text)
        audio = self.kokoro.render(phonemes, self.packs[SPEAKER], seed=seed)
        return clip_of(audio, self.folder / f"{seed}.wav", phonemes, text)


def _stock(name: str) -> dict[str, Tensor]:
    return read_tensors(Path(MODELS / f"{name}.safetensors"))[0]


@pytest.fixture(scope="module")
def bench(kokoro: Kokoro, stock_packs: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(kokoro, stock_packs, tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def right(bench: Bench, stock_packs: dict[str, Tensor]) -> dict[str, float]:
    return bench.judged(stock_packs[SPEAKER], seeds=(0, 1))


def test_the_voice_that_spoke_is_at_the_ceiling(right: dict[str, float]) -> None:
    assert all(math.isfinite(value) for value in right.values())
    assert right["likeness_normalised"] >= 0.9
    assert right["retrieval"] >= 0.8
    assert right["mel_loss"] < 0.7 * right["mel_loss_floor"]
    assert right["mcd_db"] < 0.7 * right["mcd_db_floor"]
    assert right["f0_rmse_cents"] < right["f0_rmse_cents_floor"]
    assert right["f0_mean_ratio"] == pytest.approx(1, abs=0.03)
    assert right["rate_ratio"] == pytest.approx(1, abs=0.03)
    assert right["wer"] <= right["wer_floor"] + 0.05


def test_a_wrong_speaker_is_at_the_floor_or_below(
    bench: Bench, right: dict[str, float], stock_packs: dict[str, Tensor]
) -> None:
    wrong = bench.judged(stock_packs[WRONG])
    assert wrong["likeness_normalised"] <= 0.1
    assert wrong["retrieval"] == 0
    assert wrong["mel_loss"] > 1.2 * right["mel_loss"]
    assert wrong["mcd_db"] > 1.2 * right["mcd_db"]
    assert wrong["f0_mean_ratio"] < 0.8
    for name in ("likeness_ceiling", "likeness_floor", "mel_loss_floor"):  # they do not depend on the voice
        assert wrong[name] == right[name]
    verdicts = {(row["measure"], row["voice"]): row["new_is"] for row in score_table(bench.renders)}
    assert verdicts["likeness", "real"] == "worse"


def test_noise_is_heard(bench: Bench, right: dict[str, float], stock_packs: dict[str, Tensor]) -> None:
    def add_noise(audio: Tensor) -> Tensor:
        noise = torch.randn(len(audio), generator=torch.Generator().manual_seed(0))
        return audio + 0.3 * audio.std() * noise

    noisy = bench.judged(stock_packs[SPEAKER], add_noise)
    assert noisy["dnsmos"] < right["dnsmos"] - 0.3
    assert noisy["distillmos"] < right["distillmos"] - 0.3
    assert noisy["mcd_db"] > 1.5 * right["mcd_db"]


def test_a_band_limit_is_heard(bench: Bench, right: dict[str, float], stock_packs: dict[str, Tensor]) -> None:
    def muffle(audio: Tensor) -> Tensor:
        for _ in range(4):
            audio = lowpass_biquad(audio, 24_000, 1500)
        return audio

    muffled = bench.judged(stock_packs[SPEAKER], muffle)
    assert muffled["mel_loss"] > 1.3 * right["mel_loss"]
    assert muffled["mcd_db"] > 1.5 * right["mcd_db"]
    assert muffled["distillmos"] < right["distillmos"] - 0.3


def test_a_scrambled_pack_is_nobody(bench: Bench, right: dict[str, float], stock_packs: dict[str, Tensor]) -> None:
    order = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    scrambled = bench.judged(stock_packs[SPEAKER][..., order])
    assert scrambled["likeness_normalised"] <= 0.1
    assert scrambled["mel_loss"] > 1.2 * right["mel_loss"]
    assert scrambled["dnsmos"] < right["dnsmos"]


def test_short_sentences_are_seen_by_themselves(bench: Bench, right: dict[str, float]) -> None:
    table = length_table(bench.renders)
    assert table[0]["bucket"] == "1-10"
    assert [row["phonemes"] for row in table] == sorted(row["phonemes"] for row in table)
    assert all(0 < row["likeness_ceiling"] <= 1 for row in table)
