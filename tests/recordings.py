"""Recordings for the tests: generated, because the tests must pass where there are none, and real where there are."""

import json
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from voicepack.audio import write_audio
from voicepack.clips import Clip

SPEECH = Path(__file__).parents[2] / "shared" / "speech"
TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "A gentle breeze moved the long grass beside the pond.",
    "She sells sea shells by the quiet sea shore.",
    "Nobody remembered to bring the paper lanterns.",
    "The train leaves shortly before noon on Sunday.",
    "He painted the old wooden fence bright yellow.",
)

# Stock voices to be told apart, and in what words.
STOCK = ("af_heart", "am_adam", "bf_emma", "bm_lewis")
STOCK_SAYS = (
    "ðə kwˈɪk bɹˈWn fˈɑks ʤˈʌmps ˌOvəɹ ðə lˈAzi dˈɔɡ.",
    "hˌW mˈʌʧ wˈʊd ɪt kˈɔst tə tɹˈævᵊl fɹʌm hˈɪɹ tə ðə kˈOst?",
)


def babble(seconds: float, *, seed: int = 0, rate: int = 24_000) -> Tensor:
    """Return noise `[seconds * rate]` that comes and goes four times a second, as loud and as uneven as speech."""
    samples = round(seconds * rate)
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    syllables = torch.sin(2 * torch.pi * 4 * torch.arange(samples) / rate).clamp(min=0) + 1e-3
    return 0.1 * noise * syllables


def write_metadata(folder: Path, lines: Iterable[Mapping[str, object] | str]) -> Path:
    """Write a metadata.jsonl; a string is written as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "metadata.jsonl"
    file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return file


def write_dataset(folder: Path, texts: Iterable[str] = TEXTS, split: str = "train") -> None:
    """Write a dataset whose recordings a.wav, b.wav, … are fit to use."""
    lines = []
    for index, text in enumerate(texts):
        name = f"{chr(ord('a') + index)}.wav"
        write_audio(folder / split / name, babble(2.5, seed=index))
        lines.append({"file_name": name, "text": text})
    write_metadata(folder / split, lines)


def clip_of(audio: Tensor, file: Path, phonemes: str = "", text: str = "", bandwidth: float = 12_000.0) -> Clip:
    """Return a clip of audio `[samples]`, which is written to `file`; its name is the file's in train/."""
    write_audio(file, audio)
    return Clip(f"train/{file.name}", text, phonemes, file, len(audio), bandwidth, 40.0)


def unread_clip(seconds: float, name: str = "train/a.wav", text: str = "") -> Clip:
    """Return a clip whose audio does not exist: nobody can have listened to it."""
    return Clip(name, text, "həlˈO", Path("nowhere.wav"), round(24_000 * seconds), 12_000.0, 40.0)


def write_hours(path: Path, hours: float, rate: int = 24_000) -> None:
    """Write hours of digital silence as a WAV that takes no room on the disk."""
    write_audio(path, torch.zeros(0))
    size = round(hours * 3600 * rate) * 2
    header = bytearray(path.read_bytes()[:44])
    struct.pack_into("<I", header, 4, 36 + size)
    struct.pack_into("<II", header, 24, rate, 2 * rate)
    struct.pack_into("<I", header, 40, size)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(44 + size)


def real_speech(speaker: str) -> list[Path]:
    """Return real recordings of a speaker, or skip the test."""
    paths = sorted((SPEECH / speaker / "train").glob("*.flac"))
    if not paths:
        pytest.skip(f"no real speech in {SPEECH}")
    return paths


def damaged(path: Path, place: bytes, offset: int, value: bytes) -> None:
    """Overwrite bytes of a file, `offset` after the first `place`."""
    content = bytearray(path.read_bytes())
    start = content.index(place) + offset
    content[start : start + len(value)] = value
    path.write_bytes(content)
