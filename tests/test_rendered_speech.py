"""Speech that is rendered once and read ever after."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from voicepack import rendered_speech
from voicepack.rendered_speech import RenderedSpeech, Speech
from voicepack.voices import HELD_OUT

SENTENCES = [("aə b dɪ" * 12)[:length] for length in (25, 59, 62, 70, 84, 90)]


class FakeKokoro:
    """Speaks a short tone whose pitch tells the voice, and remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Tensor, float, int]] = []

    def render(self, phonemes: str, pack: Tensor, *, speed: float = 1.0, seed: int = 0) -> Tensor:
        """Return a tone of 5 ms per phoneme."""
        self.calls.append((phonemes, pack, speed, seed))
        voice = pack[len(phonemes) - 1] if pack.dim() == 3 else pack
        return 0.5 * torch.sin(torch.arange(120 * len(phonemes)) * (0.1 + 0.01 * float(voice.mean())) + seed)


@pytest.fixture(scope="module")
def packs() -> dict[str, Tensor]:
    """Small packs, NaN for the voices that must not be touched."""
    generator = torch.Generator().manual_seed(0)
    found = {f"voice_{index:02d}": 0.2 * torch.randn(510, 1, 256, generator=generator) for index in range(14)}
    return found | {name: torch.full((510, 1, 256), torch.nan) for name in HELD_OUT}


@pytest.fixture(autouse=True)
def no_front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered_speech, "_phonemes", lambda *, held_out: SENTENCES)


@pytest.fixture
def fakes() -> Iterator[list[FakeKokoro]]:
    """Every fake that was loaded."""
    yield []


def speech(folder: Path, packs: dict[str, Tensor], fakes: list[FakeKokoro]) -> RenderedSpeech:
    def load() -> FakeKokoro:
        fakes.append(FakeKokoro())
        return fakes[-1]

    return RenderedSpeech(folder, load, packs, "weights")  # type: ignore[arg-type]


def check_equal(first: Speech, second: Speech) -> None:
    assert torch.equal(first.voices, second.voices)
    assert len(first.audio) == len(second.audio)
    assert all(torch.equal(one, other) for one, other in zip(first.audio, second.audio, strict=True))


def test_drawn_speech_is_the_same_everywhere_and_kept(
    tmp_path: Path, packs: dict[str, Tensor], fakes: list[FakeKokoro]
) -> None:
    first = speech(tmp_path / "a", packs, fakes).drawn(range(2))
    assert len(first.audio) == 64
    assert first.voices.shape == (64, 256)
    check_equal(first, speech(tmp_path / "a", packs, fakes).drawn(range(2)))
    assert len(fakes) == 1  # Kokoro itself is not even loaded the second time
    check_equal(first, speech(tmp_path / "b", packs, fakes).drawn(range(2)))
    assert len(fakes) == 2


def test_only_what_is_missing_is_rendered(tmp_path: Path, packs: dict[str, Tensor], fakes: list[FakeKokoro]) -> None:
    whole = speech(tmp_path, packs, fakes).drawn(range(3))
    (missing,) = tmp_path.rglob("drawn_00001*")
    missing.unlink()
    again = speech(tmp_path, packs, fakes).drawn(range(3))
    check_equal(again, whole)
    assert len(fakes[1].calls) == 32
    assert [call[3] for call in fakes[1].calls] == list(range(32, 64))
    part = speech(tmp_path, packs, fakes).drawn(range(1, 2))
    check_equal(part, Speech(whole.audio[32:64], whole.voices[32:64]))


def test_other_packs_are_other_speech(tmp_path: Path, packs: dict[str, Tensor], fakes: list[FakeKokoro]) -> None:
    first = speech(tmp_path, packs, fakes).drawn(range(1))
    changed = {**packs, "voice_00": packs["voice_00"] + 0.1}
    second = speech(tmp_path, changed, fakes).drawn(range(1))
    assert len(fakes) == 2
    assert not torch.equal(first.voices, second.voices)


def test_held_out_voices_are_never_heard(tmp_path: Path, packs: dict[str, Tensor], fakes: list[FakeKokoro]) -> None:
    """They are NaN here, which would show in whatever they touch."""
    drawn = speech(tmp_path, packs, fakes).drawn(range(3))
    assert drawn.voices.isfinite().all()
    assert all(call[1].isfinite().all() for call in fakes[0].calls)


def test_every_clip_is_its_own_voice_and_the_one_it_says(
    tmp_path: Path, packs: dict[str, Tensor], fakes: list[FakeKokoro]
) -> None:
    drawn = speech(tmp_path, packs, fakes).drawn(range(1))
    assert torch.equal(torch.cat([call[1] for call in fakes[0].calls]), drawn.voices)
    # A lone stock voice may come twice, but at another length, which has another row.
    assert len({tuple(voice.tolist()) for voice in drawn.voices}) == 32
    for (phonemes, _, speed, _), audio in zip(fakes[0].calls, drawn.audio, strict=True):
        assert 1 <= len(phonemes) <= rendered_speech.LONGEST
        assert any(phonemes in sentence for sentence in SENTENCES)
        assert 0.8 <= speed <= 1.2
        assert len(audio) == 120 * len(phonemes)
        assert 0.45 < float(audio.abs().max()) < 0.55


def test_stock_voices_come_in_the_order_asked(
    tmp_path: Path, packs: dict[str, Tensor], fakes: list[FakeKokoro]
) -> None:
    stock = {name: pack for name, pack in packs.items() if name not in HELD_OUT}
    rendered = speech(tmp_path, stock, fakes)
    names = ["voice_07", "voice_02"]
    some = rendered.stock(names)
    assert len(some.audio) == 4
    for index, name in enumerate(name for name in names for _ in range(2)):
        length = len(some.audio[index]) // 120
        assert 60 <= length <= 85
        assert torch.equal(some.voices[index], stock[name][length - 1, 0])
    other_way = rendered.stock(names[::-1])
    assert torch.equal(other_way.voices, some.voices[[2, 3, 0, 1]])
    assert torch.equal(other_way.audio[0], some.audio[2])
    assert len(fakes) == 1
    assert len(fakes[0].calls) == 2 * len(stock)


def test_held_out_voices_speak_seven_sentences_each(
    tmp_path: Path, packs: dict[str, Tensor], fakes: list[FakeKokoro]
) -> None:
    spoken = {name: torch.full((510, 1, 256), 0.1 * index) for index, name in enumerate(HELD_OUT)}
    rendered = speech(tmp_path, packs | spoken, fakes)
    heard = rendered.held_out()
    assert len(heard.audio) == 7 * len(HELD_OUT)
    for index, name in enumerate(HELD_OUT):
        assert (heard.voices[7 * index : 7 * index + 7] == spoken[name][0, 0]).all()
    check_equal(rendered.held_out(), heard)
    assert len(fakes) == 1
