"""How long a training step takes, and what compiling it would change: two parts of studies/bench.py."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from stages import places
from stages.settings import load_settings
from stages.train import TrainSettings
from voicepack.alignment import AlignedClip, align
from voicepack.clips import choose_clips, read_clips
from voicepack.constants import SAMPLE_RATE
from voicepack.device import Precision, resolve_precision
from voicepack.files import read_tensors
from voicepack.kokoro import Kokoro
from voicepack.markdown import markdown_table
from voicepack.rows import base_vector
from voicepack.sentence import fixed_sentences
from voicepack.speed.operations import best_rates
from voicepack.speed.step import PARTS, StepBench, StepTimes, spoken_clip
from voicepack.speed.timing import Spread, interleaved, ratio

_ROUNDS = 3
_SECONDS = 20.0
_CPU = torch.device("cpu")


def training_step(
    voice: str, device: torch.device = _CPU, precision: Precision | None = None
) -> tuple[dict[str, float], str]:
    """Measure a training step, its parts, the plain loop's step and the floor; and how both grow with the clip."""
    kokoro, speaker = Kokoro(places.KOKORO, device), any_voice().to(device)
    computed = _precision(device, precision)
    rates = best_rates(device, computed)

    def times(clips: Sequence[AlignedClip]) -> StepTimes:
        return _bench(clips, device, computed).measure(rates, _ROUNDS)

    clips = aligned_clips(kokoro, voice, speaker)
    found = times(clips)
    faster = ratio(found.plain, found.step)
    figures = {
        "train_step_s": Spread.of(found.step).median,
        "plain_step_s": Spread.of(found.plain).median,
        "train_step_speedup": faster.median,
        "train_step_floor_s": found.floor,
        "peak_gflops": rates.operations / 1e9,
        "peak_gigabytes_per_s": rates.bytes / 1e9,
    }
    rows = [(f"of it: {part}", f"{Spread.of(found.parts[part]):.3f}") for part in PARTS]
    rows = [
        ("step of the project, s", f"{Spread.of(found.step):.3f}"),
        *rows,
        ("kept from step to step: encoding the text", f"{Spread.of(found.encode):.3f}"),
        ("floor of the project's step at best rates, s", f"{found.floor:.3f}"),
        ("the same if nothing but operations took time, s", f"{found.fused_floor:.3f}"),
        ("step of the plain loop, s", f"{Spread.of(found.plain):.3f}"),
        ("times faster than the plain loop", f"{faster:.1f}"),
        ("clips", f"{len(clips)}, {_mean_seconds(clips):.1f} s on average"),
    ]
    by_length = sorted((each.phonemes for each in fixed_sentences()), key=len)
    for name, phonemes in {"longer": by_length[-3], "longest": by_length[-1]}.items():
        alone = [spoken_clip(kokoro, phonemes, speaker)]
        of_one = times(alone)
        figures[f"train_step_speedup_{name}"] = ratio(of_one.plain, of_one.step).median
        rows.append(
            (f"times faster for a clip of {_mean_seconds(alone):.1f} s", f"{ratio(of_one.plain, of_one.step):.1f}")
        )
    rows.append(("precision of the project's step", str(computed).removeprefix("torch.")))
    rows.append(("best rates", f"{rates.operations / 1e9:.0f} GFLOP/s, {rates.bytes / 1e9:.1f} GB/s"))
    return figures, markdown_table(("", "median (range)"), rows)


def compiled(voice: str) -> tuple[dict[str, float], str]:
    """Measure the project's step with the decoder as it is and through torch.compile, and how long compiling takes."""
    clips = aligned_clips(Kokoro(places.KOKORO), voice, any_voice())
    as_it_is, changed = (_bench(clips, _CPU, _precision(_CPU)) for _ in range(2))
    changed.kokoro.model.decoder = torch.compile(changed.kokoro.model.decoder)

    def epoch(bench: StepBench) -> None:
        for _ in range(2 * len(clips)):  # every clip in both kinds of steps
            bench.step()

    start = time.perf_counter()
    epoch(changed)
    first = time.perf_counter() - start
    seconds = interleaved({"as it is": lambda: epoch(as_it_is), "compiled": lambda: epoch(changed)}, _ROUNDS)
    faster = ratio(seconds["as it is"], seconds["compiled"])
    compiling = first - Spread.of(seconds["compiled"]).median
    rows = [("times faster, compiled", f"{faster:.2f}"), ("compiling, s", f"{compiling:.0f}")]
    figures = {"compiled_speedup": faster.median, "compiling_s": compiling}
    return figures, markdown_table(("", "median (range)"), rows)


def _bench(clips: Sequence[AlignedClip], device: torch.device, precision: torch.dtype) -> StepBench:
    packs, _ = read_tensors(places.STOCK_VOICES)
    return StepBench(places.KOKORO, packs, clips, load_settings("train", TrainSettings), device, precision)


def _precision(device: torch.device, wanted: Precision | None = None) -> torch.dtype:
    return resolve_precision(wanted or load_settings("train", TrainSettings).precision, device)


def any_voice() -> Tensor:
    """Return the vector `[1, 256]` of a stock voice."""
    packs, _ = read_tensors(places.STOCK_VOICES)
    return base_vector(next(iter(packs.values())))[None]


def aligned_clips(kokoro: Kokoro, voice: str, speaker: Tensor) -> list[AlignedClip]:
    """Return 20 s of a voice's clips, aligned by what `speaker` `[1, 256]` makes of their texts."""
    settings = load_settings("train", TrainSettings)
    chosen = choose_clips(read_clips(places.clips(voice), "train"), _SECONDS, settings.seed)
    return align(kokoro, chosen, speaker)


def _mean_seconds(clips: Sequence[AlignedClip]) -> float:
    """Return how long clips are on average."""
    return sum(len(clip.audio) for clip in clips) / SAMPLE_RATE / len(clips)
