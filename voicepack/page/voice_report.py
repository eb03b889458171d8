"""Everything that the page shows of one voice, read from what the stages wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from voicepack.evaluation import SUFFIXES, score_table, summarise
from voicepack.files import read_table, read_tensors
from voicepack.renders import FLOOR, NEW, REAL, Render, of_voice, read_renders, sample
from voicepack.sentence import Sentence, read_sentences

# In the order in which they are shown, with what they are called.
TITLES = {
    NEW: "new voice",
    REAL: "real clips",
    FLOOR: "nearest stock voice",
    "enrolled": "enrolled, no training",
    "mean": "mean of the stock voices",
    "walk": "random walk",
    "origin": "recipe of the origin",
}


@dataclass(frozen=True)
class VoiceFiles:
    """Where the stages have written what belongs to a voice."""

    reference: Path
    baselines: Path
    new: Path
    lengths: Path
    f0: Path
    training: Path
    rejected: Path
    pack: Path  # .safetensors


@dataclass(frozen=True)
class VoiceReport:
    """One voice as the page shows it."""

    name: str
    facts: Mapping[str, str]
    nearest: str
    speaker: Tensor  # [D], as the judge hears the training clips
    pack: Tensor  # [510, 1, 256]
    sentences: Sequence[Sentence]
    renders: Sequence[Render]
    folders: Mapping[str, Path]  # of the samples of each voice
    metrics: Mapping[str, float]  # see voicepack.evaluation.summarise
    scores: Sequence[Mapping[str, Any]]  # see voicepack.evaluation.score_table
    lengths: Sequence[Mapping[str, str]]
    f0: Sequence[Mapping[str, str]]
    training: Sequence[Mapping[str, str]]
    rejected: Sequence[Mapping[str, str]]

    @classmethod
    def read(cls, name: str, files: VoiceFiles, facts: Mapping[str, str]) -> VoiceReport:
        """Read a voice. Raises VoicepackError if a stage has not run."""
        speaker, about = read_tensors(files.reference / "speaker.safetensors")
        pack, origin = read_tensors(files.pack)
        folders: dict[str, Path] = {}
        renders: list[Render] = []
        # The baselines may be made later: the page shows the recipes that are there.
        for folder in (files.new, files.reference, *([files.baselines] if files.baselines.exists() else [])):
            some = read_renders(folder)
            renders += some
            folders |= dict.fromkeys((each.voice for each in some), folder)
        return cls(
            name=name,
            facts={**facts, **origin},
            nearest=about["nearest"],
            speaker=speaker["embedding"],
            pack=pack["voice"],
            sentences=read_sentences(files.reference),
            renders=renders,
            folders=folders,
            metrics=summarise(renders),
            scores=score_table(renders),
            lengths=read_table(files.lengths),
            f0=read_table(files.f0),
            training=read_table(files.training),
            rejected=read_table(files.rejected),
        )

    def score(self, measure: str, voice: str = NEW) -> Mapping[str, Any] | None:
        """Return a measure of one of the voices, or None where it has none."""
        found = (row for row in self.scores if (row["measure"], row["voice"]) == (measure, voice))
        return next(found, None)

    def sample(self, sentence: str, voice: str) -> Path | None:
        """Return where a sentence of a voice can be heard, or None."""
        path = sample(self.folders[voice], sentence, voice) if voice in self.folders else None
        return path if path and path.exists() else None


def retrieval(reports: Sequence[VoiceReport], stock_speakers: Mapping[str, Tensor]) -> dict[str, float]:
    """Return how often a fixed sentence of each new voice is nearest to its speaker, of all speakers and stock voices.

    Of the sentences that count in a voice's own `retrieval`: not the long ones. A synthetic speaker and a real one
    compete alike; a speaker who is in the project twice competes with themselves.
    """
    speakers = {f"voice {report.name}": report.speaker for report in reports} | dict(stock_speakers)
    names, embeddings = list(speakers), torch.stack(list(speakers.values()))
    found = {}
    for report in reports:
        counted = (each for each in of_voice(report.renders, NEW) if not each.held_out and not each.long)
        own = torch.stack([each.embedding for each in counted])
        nearest = (own @ embeddings.T).argmax(1)
        found[report.name] = float((nearest == names.index(f"voice {report.name}")).float().mean())
    return found


def summarise_voices(reports: Sequence[VoiceReport], retrieved: Mapping[str, float]) -> dict[str, float]:
    """Return means over voices of what matters most, and the least likeness; flat and finite."""
    summary: dict[str, float] = {"voices": float(len(reports))}
    likeness = [value for each in reports if (value := each.metrics.get("likeness_normalised")) is not None]
    if likeness:
        summary |= {"likeness_normalised": sum(likeness) / len(likeness), "likeness_normalised_least": min(likeness)}
    summary["retrieval"] = sum(retrieved.values()) / len(retrieved)
    for measure in ("likeness", "wer", "dnsmos", "distillmos", "mel_loss", "mcd_db", "f0_correlation"):
        for voice, suffix in SUFFIXES.items():
            values = [float(row["value"]) for each in reports if (row := each.score(measure, voice))]
            if values:
                summary[measure + suffix] = sum(values) / len(values)
    return summary
