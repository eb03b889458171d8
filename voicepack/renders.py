"""One sentence spoken once by one voice, what was measured on it, and how a folder of them is kept."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from voicepack.audio import write_audio
from voicepack.files import read_table, read_tensors, write_table, write_tensors
from voicepack.sentence import LONGEST

# The voices that every evaluation has: the one that was made, the nearest stock voice, the recordings themselves.
NEW, FLOOR, REAL = "new", "stock", "real"


@dataclass(frozen=True)
class Measured:
    """The measures of a render. NaN where there is none, as of what needs a recording of the same words."""

    seconds: float = math.nan
    likeness: float = math.nan  # cosine with the speaker's reference
    retrieved: float = math.nan  # 1 if the speaker is nearer than any stock voice, else 0
    words: float = math.nan
    word_errors: float = math.nan
    characters: float = math.nan
    character_errors: float = math.nan
    dnsmos: float = math.nan
    distillmos: float = math.nan
    faulty: float = math.nan  # 1 if something is plainly wrong, else 0
    mel_loss: float = math.nan
    mcd_db: float = math.nan
    f0_rmse_cents: float = math.nan
    f0_correlation: float = math.nan
    f0_mean_ratio: float = math.nan
    f0_spread_ratio: float = math.nan
    rate_ratio: float = math.nan
    energy_correlation: float = math.nan


@dataclass(frozen=True)
class Render:
    """A render and its measures. Tensors are kept for the first seed only, but for the embedding."""

    voice: str
    sentence: str
    held_out: bool
    seed: int
    phoneme_count: int
    measured: Measured
    faults: str = ""
    heard: str = ""
    embedding: Tensor = field(default_factory=lambda: torch.zeros(0), compare=False)  # [D]
    audio: Tensor | None = field(default=None, compare=False)  # [samples]
    f0: Tensor | None = field(default=None, compare=False)  # [samples // 300], Hz, of held-out texts

    @property
    def long(self) -> bool:
        """Whether it is of a sentence that few speak, see `Sentence.long`: it counts by its length alone."""
        return not self.held_out and self.phoneme_count > LONGEST

    def values(self) -> dict[str, object]:
        """Return the render as a line of a table."""
        about = {name: getattr(self, name) for name in ("voice", "sentence", "held_out", "seed", "phoneme_count")}
        return about | dataclasses.asdict(self.measured) | {"faults": self.faults, "heard": self.heard}


def write_renders(folder: Path, renders: Sequence[Render]) -> None:
    """Write `renders.tsv`, `renders.safetensors` (embeddings, F0) and, of the first seed, SENTENCE_VOICE.wav."""
    write_table(folder / "renders.tsv", [each.values() for each in renders])
    curves = {f"f0/{each.voice}/{each.sentence}": each.f0 for each in renders if each.f0 is not None}
    embeddings = torch.stack([each.embedding for each in renders])
    write_tensors(folder / "renders.safetensors", {"embeddings": embeddings, **curves})
    for each in renders:
        if each.audio is not None:
            write_audio(sample(folder, each.sentence, each.voice), each.audio)


def read_renders(folder: Path) -> list[Render]:
    """Read what `write_renders` wrote, without the audio: that is at `sample`. Raises VoicepackError if missing."""
    tensors, _ = read_tensors(folder / "renders.safetensors")
    renders = []
    for row, embedding in zip(read_table(folder / "renders.tsv"), tensors["embeddings"], strict=True):
        seed, voice, sentence = int(row["seed"]), row["voice"], row["sentence"]
        renders.append(
            Render(
                voice=voice,
                sentence=sentence,
                held_out=row["held_out"] == "True",
                seed=seed,
                phoneme_count=int(row["phoneme_count"]),
                measured=_measured(row),
                faults=row["faults"],
                heard=row["heard"],
                embedding=embedding,
                f0=tensors.get(f"f0/{voice}/{sentence}") if seed == 0 else None,
            )
        )
    return renders


def sample(folder: Path, sentence: str, voice: str) -> Path:
    """Return where a sentence of a voice can be heard."""
    return folder / f"{sentence}_{voice}.wav"


def of_voice(renders: Iterable[Render], voice: str) -> list[Render]:
    """Return the renders of a voice, in their order."""
    return [each for each in renders if each.voice == voice]


def _measured(row: Mapping[str, str]) -> Measured:
    names = [each.name for each in dataclasses.fields(Measured)]
    return Measured(**{name: float(row[name]) if row[name] else math.nan for name in names})
