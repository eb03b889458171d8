"""Real speakers: whether their vectors tell them apart, and whether packs enrolled from their clips sound like them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import torch
from torch import Tensor
from tqdm import tqdm

from stages import places
from stages.prepare import PrepareSettings
from stages.settings import load_settings
from studies.texts import some_texts
from voicepack.clips import Clip
from voicepack.constants import SAMPLE_RATE
from voicepack.dataset import METADATA_FILE, read_dataset
from voicepack.enrollment import Enroller
from voicepack.errors import VoicepackError
from voicepack.floor_and_ceiling import reference_embedding
from voicepack.intelligibility import Transcriber, word_error_rate
from voicepack.kokoro import Kokoro
from voicepack.likeness import cosine, nearest_voice, normalised_likeness
from voicepack.preparation import prepare_clips
from voicepack.split import split_clips
from voicepack.verification import consistency, equal_error_rate, retrieval_top1
from voicepack.voice_reader import blend

_SENTENCES = 6
_ENROLL_SECONDS = 30.0


@dataclass(frozen=True)
class Speaker:
    """A real speaker's clips: those that are enrolled, and those that only set the ceiling."""

    name: str
    train: list[Clip]
    held_out: list[Clip]


@dataclass(frozen=True)
class Enrolled:
    """What became of one speaker; `reading_normalised` is the likeness of what was read, without a stock voice."""

    speaker: str
    seconds: float
    nearest: str
    likeness: float
    likeness_floor: float
    likeness_ceiling: float
    likeness_normalised: float
    reading_normalised: float
    wer: float
    wer_stock: float


def datasets(folder: Path) -> list[Path]:
    """Return the datasets in `folder`, one of each speaker. Raises VoicepackError if there is none."""
    found = [path for path in sorted(folder.iterdir()) if (path / "train").is_dir()] if folder.is_dir() else []
    if not found:
        raise VoicepackError(f"{folder}: no dataset in it. Name a folder of folders with train/{METADATA_FILE}.")
    return found


def assess_speakers(enroller: Enroller, paths: Sequence[Path]) -> tuple[dict[str, float], list[Enrolled]]:
    """Return metrics over the speakers whose datasets are given, and what became of each."""
    with TemporaryDirectory() as scratch:
        return _assess(enroller, [read_speaker(path, Path(scratch) / path.name) for path in paths])


def _assess(enroller: Enroller, speakers: Sequence[Speaker]) -> tuple[dict[str, float], list[Enrolled]]:
    reader = enroller.voices
    clips = [[*each.train, *each.held_out] for each in speakers]
    styles = [torch.stack([reader.read_style(clip.audio) for clip in each]) for each in clips]
    statistics = [torch.stack([reader.read_statistics(clip.audio) for clip in each]) for each in clips]
    metrics = {}
    for of, vectors in (("", list(map(blend, styles, statistics))), ("style_encoder_", styles)):
        centred = [each - reader.mean_voice for each in vectors]
        metrics[f"{of}retrieval_top1"] = retrieval_top1(centred)
        metrics[f"{of}equal_error_rate"] = equal_error_rate(centred)
        metrics[f"{of}consistency"] = consistency(vectors)
    rows = enroll_speakers(enroller, speakers)
    for name in ("likeness_normalised", "reading_normalised", "wer", "wer_stock"):
        metrics[f"enrolled_{name}"] = fmean(getattr(each, name) for each in rows)
    return metrics, rows


def read_speaker(folder: Path, clips_folder: Path) -> Speaker:
    """Prepare a dataset, whose clips go to `clips_folder`, and split it, as the pipeline does."""
    settings = load_settings("prepare", PrepareSettings)
    dataset = read_dataset(folder)
    clips, _ = prepare_clips(dataset.train, clips_folder, settings)
    return Speaker(folder.name, *split_clips(clips, [], fraction=settings.held_out_fraction, seed=settings.seed))


def enroll_speakers(enroller: Enroller, speakers: Sequence[Speaker]) -> list[Enrolled]:
    """Enroll every speaker and hear the packs beside the nearest stock voices, on the same sentences."""
    kokoro, judge, transcriber = Kokoro(places.KOKORO), enroller.speaker_encoder, Transcriber()
    texts = some_texts(_SENTENCES)
    stock: dict[str, tuple[list[Tensor], float]] = {}

    def hear(pack: Tensor) -> tuple[list[Tensor], float]:
        renders = [kokoro.render(phonemes, pack) for phonemes in texts.values()]
        errors = word_error_rate(list(texts), [transcriber.transcribe(render) for render in renders])
        return [judge.embed(render) for render in renders], errors

    rows = []
    for speaker in tqdm(speakers, "enroll"):
        reference = reference_embedding(judge, speaker.train)
        nearest = nearest_voice(enroller.stock_speakers, reference)
        if nearest not in stock:
            stock[nearest] = hear(enroller.stock_packs[nearest])
        clips = [clip.audio for clip in first_seconds(speaker.train, _ENROLL_SECONDS)]
        enrolled, wer = hear(enroller.enroll(clips))
        read, _ = hear(enroller.read_pack(clips))
        floor_embeddings, wer_stock = stock[nearest]
        real = [judge.embed(clip.audio) for clip in speaker.held_out]
        likeness, reading, floor, ceiling = (
            fmean(cosine(each, reference) for each in heard) for heard in (enrolled, read, floor_embeddings, real)
        )
        rows.append(
            Enrolled(
                speaker=speaker.name,
                seconds=sum(map(len, clips)) / SAMPLE_RATE,
                nearest=nearest,
                likeness=likeness,
                likeness_floor=floor,
                likeness_ceiling=ceiling,
                likeness_normalised=normalised_likeness(likeness, floor, ceiling),
                reading_normalised=normalised_likeness(reading, floor, ceiling),
                wer=wer,
                wer_stock=wer_stock,
            )
        )
    return rows


def first_seconds(clips: Sequence[Clip], seconds: float) -> list[Clip]:
    """Return the first clips, about `seconds` of them, at least one."""
    chosen: list[Clip] = []
    for clip in clips:
        if chosen and sum(each.samples for each in [*chosen, clip]) > seconds * SAMPLE_RATE:
            break
        chosen.append(clip)
    return chosen
