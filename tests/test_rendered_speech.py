"""Speech that is rendered once and read ever after."""

import functools
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor

from voicepack import rendered_speech
from voicepack.errors import VoicepackError
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


class LoggingKokoro(FakeKokoro):
    """Notes in a file who speaks which clip, and will not speak clip `forbidden`."""

    def __init__(self, log: Path, forbidden: int | None = None) -> None:
        super().__init__()
        self.log, self.forbidden = log, forbidden

    def render(self, phonemes: str, pack: Tensor, *, speed: float = 1.0, seed: int = 0) -> Tensor:
        if seed == self.forbidden:
            raise VoicepackError("broken off.")
        with self.log.open("a") as file:
            file.write(f"{seed} {os.getpid()}\n")
        return super().render(phonemes, pack, speed=speed, seed=seed)


@dataclass
class Process:
    """What `processes()` says of a process."""

    device: torch.device = field(default_factory=lambda: torch.device("cuda"))
    process_index: int = 0
    num_processes: int = 1
    everyone: threading.Barrier = field(default_factory=lambda: threading.Barrier(1))

    @property
    def is_main_process(self) -> bool:
        return self.process_index == 0

    def wait_for_everyone(self) -> None:
        self.everyone.wait(timeout=60)


@pytest.fixture(scope="module")
def packs() -> dict[str, Tensor]:
    """Small packs, NaN for the voices that must not be touched."""
    generator = torch.Generator().manual_seed(0)
    found = {f"voice_{index:02d}": 0.2 * torch.randn(510, 1, 256, generator=generator) for index in range(14)}
    return found | {name: torch.full((510, 1, 256), torch.nan) for name in HELD_OUT}


@pytest.fixture(autouse=True)
def no_front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered_speech, "_phonemes", lambda *, held_out: SENTENCES)


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU with room for one: this process renders by itself, so the test sees what it does."""
    as_on_a_small_card(monkeypatch)


def as_on_a_small_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered_speech, "processes", Process)
    monkeypatch.setattr(rendered_speech, "speakers_at_once", lambda _: 1)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a CPU: two workers render."""
    monkeypatch.setattr(rendered_speech, "processes", lambda: Process(torch.device("cpu")))
    monkeypatch.setattr(rendered_speech, "speakers_at_once", lambda _: 2)


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
    missing = shard(packs, 1, tmp_path)
    missing.unlink()
    again = speech(tmp_path, packs, fakes).drawn(range(3))
    check_equal(again, whole)
    assert len(fakes[1].calls) == 32
    assert [call[3] for call in fakes[1].calls] == list(range(32, 64))
    part = speech(tmp_path, packs, fakes).drawn(range(1, 2))
    check_equal(part, Speech(whole.audio[32:64], whole.voices[32:64]))


def shard(packs: dict[str, Tensor], number: int, folder: Path) -> Path:
    """Return the file in which a folder keeps a shard."""
    with tempfile.TemporaryDirectory() as alone:
        speech(Path(alone), packs, []).drawn(range(number, number + 1))
        (path,) = Path(alone).rglob("*.safetensors")
        return folder / path.relative_to(alone)


def test_what_is_drawn_otherwise_is_spoken_anew(
    tmp_path: Path, packs: dict[str, Tensor], fakes: list[FakeKokoro], monkeypatch: pytest.MonkeyPatch
) -> None:
    speech(tmp_path, packs, fakes).drawn(range(1))
    speech(tmp_path, packs, fakes).held_out()
    monkeypatch.setattr(rendered_speech, "_phonemes", lambda *, held_out: SENTENCES[2:])
    monkeypatch.setattr(rendered_speech, "HELD_OUT_CLIPS", 3)
    assert len(speech(tmp_path, packs, fakes).held_out().audio) == 3 * len(HELD_OUT)
    again = speech(tmp_path, packs, fakes).drawn(range(1))
    assert all(any(call[0] in sentence for sentence in SENTENCES[2:]) for call in fakes[-1].calls)
    assert len(again.audio) == len(fakes[-1].calls) == 32


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


@pytest.mark.usefixtures("two_cores")
def test_a_clip_is_the_same_to_the_bit_whoever_renders_it(
    tmp_path: Path, packs: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = functools.partial(LoggingKokoro, tmp_path / "log")
    by_workers = RenderedSpeech(tmp_path / "workers", load, packs, "weights").drawn(range(3))  # type: ignore[arg-type]
    clips, workers = zip(*(line.split() for line in (tmp_path / "log").read_text().splitlines()), strict=True)
    assert sorted(map(int, clips)) == list(range(96))
    assert len(set(workers)) <= 2
    assert str(os.getpid()) not in workers
    as_on_a_small_card(monkeypatch)
    check_equal(speech(tmp_path / "alone", packs, []).drawn(range(3)), by_workers)


def test_a_broken_run_keeps_the_shards_that_were_done(tmp_path: Path, packs: dict[str, Tensor]) -> None:
    broken, whole = (functools.partial(LoggingKokoro, tmp_path / "log", forbidden) for forbidden in (70, None))
    with pytest.raises(VoicepackError, match="broken off"):
        RenderedSpeech(tmp_path, broken, packs, "weights").drawn(range(3))  # type: ignore[arg-type]
    assert set(tmp_path.rglob("*.safetensors")) == {shard(packs, number, tmp_path) for number in (0, 1)}
    (tmp_path / "log").unlink()
    assert len(RenderedSpeech(tmp_path, whole, packs, "weights").drawn(range(3)).audio) == 96  # type: ignore[arg-type]
    clips = [int(line.split()[0]) for line in (tmp_path / "log").read_text().splitlines()]
    assert sorted(clips) == list(range(64, 96))


def test_processes_share_what_is_missing(
    tmp_path: Path, packs: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    everyone, threads = threading.Barrier(2), threading.local()
    monkeypatch.setattr(rendered_speech, "processes", lambda: threads.process)

    def run(number: int) -> tuple[Speech, list[int]]:
        threads.process = Process(process_index=number, num_processes=2, everyone=everyone)
        time.sleep(0.5 * number)  # a late one must not take for its share of the whole what the other left over
        fakes: list[FakeKokoro] = []
        drawn = speech(tmp_path / "shared", packs, fakes).drawn(range(3))
        return drawn, [call[3] for fake in fakes for call in fake.calls]

    with ThreadPoolExecutor(2) as pool:
        (first, first_clips), (second, second_clips) = pool.map(run, range(2))
    assert first_clips == [*range(32), *range(64, 96)]
    assert second_clips == list(range(32, 64))
    check_equal(first, second)
    monkeypatch.setattr(rendered_speech, "processes", Process)
    check_equal(first, speech(tmp_path / "alone", packs, []).drawn(range(3)))
