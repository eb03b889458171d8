"""What a voice is asked to say: held-out texts, of which the speaker's own recording exists, and fixed sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from voicepack.files import read_table, read_tensors, write_table, write_tensors
from voicepack.text import phonemize, sentences

LONGEST = 100  # phonemes of a sentence that every voice speaks; the few longer ones cost as much as all others
PARTS = ("frames", "f0", "energy", "audio")
_COLUMNS = ("name", "held_out", "bandwidth_hz", "phonemes", "text")


@dataclass(frozen=True)
class Recording:
    """The real speaker saying a sentence, in Kokoro's own terms: see `voicepack.alignment.AlignedClip`."""

    frames: Tensor  # [T], frames of 600 samples that each phoneme lasts
    f0: Tensor  # [1, 2 F], Hz
    energy: Tensor  # [1, 2 F]
    audio: Tensor  # [600 F]
    bandwidth: float  # Hz


@dataclass(frozen=True)
class Sentence:
    """A text to speak. Its name is that of its samples: letters that every file system takes."""

    name: str
    text: str
    phonemes: str
    recording: Recording | None = None

    @property
    def held_out(self) -> bool:
        """Whether the speaker's recording of it exists, which training has never seen."""
        return self.recording is not None

    @property
    def long(self) -> bool:
        """Whether it is one of the few fixed sentences that only the voice and its floor speak."""
        return not self.held_out and len(self.phonemes) > LONGEST


def fixed_sentences(count: int = 20) -> list[Sentence]:
    """Return `count` of the 20 sentences that every voice speaks, the same ones always, of all lengths.

    They are American English: a voice of another language is judged by its accent too.
    """
    texts = sentences("evaluation")
    count = min(count, len(texts))
    chosen = [index * len(texts) // count for index in range(count)]
    return [Sentence(f"sentence_{index + 1:02d}", texts[index], phonemize(texts[index])) for index in chosen]


def write_sentences(folder: Path, every: Sequence[Sentence]) -> None:
    """Write `sentences.tsv`, and the recordings as `recordings.safetensors`."""
    rows, tensors = [], {}
    for each in every:
        bandwidth = each.recording.bandwidth if each.recording else ""
        rows.append(dict(zip(_COLUMNS, (each.name, each.held_out, bandwidth, each.phonemes, each.text), strict=True)))
        for part in PARTS if each.recording else ():
            tensors[f"{each.name}/{part}"] = getattr(each.recording, part)
    write_table(folder / "sentences.tsv", rows, _COLUMNS)
    write_tensors(folder / "recordings.safetensors", tensors)


def read_sentences(folder: Path) -> list[Sentence]:
    """Read what `write_sentences` wrote. Raises VoicepackError if it is missing."""
    tensors, _ = read_tensors(folder / "recordings.safetensors")
    every = []
    for row in read_table(folder / "sentences.tsv"):
        recording = None
        if row["held_out"] == "True":
            parts = {part: tensors[f"{row['name']}/{part}"] for part in PARTS}
            recording = Recording(**parts, bandwidth=float(row["bandwidth_hz"]))
        every.append(Sentence(row["name"], row["text"], row["phonemes"], recording))
    return every


def real_speech(every: Sequence[Sentence]) -> Tensor:
    """Return all recordings of sentences in one piece, `[samples]`."""
    return torch.cat([each.recording.audio for each in every if each.recording])
