"""How fast a voice is made and speaks on this machine: make bench, or python -m stages.bench with the parts' names.

Not a stage: times are never the same twice.

Measured on the demo voice, with the machine to itself. Writes metrics/bench.json, which the report shows, and the
tables of docs/performance.md. With `--voice NAME` it measures another voice and only prints.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from stages import places
from stages.bench_training import training
from stages.settings import load_settings
from stages.train import TrainSettings
from voicepack.alignment import AlignedClip, align
from voicepack.clips import choose_clips, read_clips
from voicepack.constants import SAMPLE_RATE
from voicepack.device import resolve_precision
from voicepack.enrollment import Enroller
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors, write_json
from voicepack.kokoro import Kokoro
from voicepack.markdown import markdown_table, put_table
from voicepack.pack import load_pack
from voicepack.rows import base_vector
from voicepack.sentence import fixed_sentences
from voicepack.speed.operations import best_rates
from voicepack.speed.process import measure
from voicepack.speed.step import PARTS, StepBench, StepTimes, spoken_clip
from voicepack.speed.timing import Spread, interleaved, ratio

_DEMO = "demo"
_ROUNDS = 3
_ENROLL_SECONDS = 30.0
_MADE = ("prepare", "extract", "train", "expand", "reference", "evaluate")  # what makes and measures a voice
_PAGE = Path("docs/performance.md")


def main() -> None:
    benches = {"speaking": speaking, "step": training_step, "training": training, "stages": stage_by_stage}
    parser = argparse.ArgumentParser(description="How fast a voice is made and speaks on this machine.")
    parser.add_argument("parts", nargs="*", help=", ".join(benches))
    parser.add_argument("--voice", default=_DEMO, help="of params.yaml, already made")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(benches):
        raise VoicepackError(f"no part '{unknown.pop()}'. Known: {', '.join(benches)}.")
    for name in arguments.parts or benches:
        print(f"{name} …", flush=True)
        figures, rows = benches[name](arguments.voice)
        print(f"\n{rows}\n", flush=True)
        if arguments.voice == _DEMO:
            known = json.loads(places.BENCH.read_text()) if places.BENCH.exists() else {}
            write_json(places.BENCH, known | figures | {"cores": float(len(os.sched_getaffinity(0)))})
            put_table(_PAGE, name, rows)


def speaking(voice: str) -> tuple[dict[str, float], str]:
    """Measure speech by a pack, over sentences of all lengths, and enrolment, all networks loaded."""
    kokoro, pack = Kokoro(places.KOKORO), load_pack(places.pack(voice))
    phonemes = [each.phonemes for each in fixed_sentences(5)]
    spoken = sum(len(kokoro.render(each, pack)) for each in phonemes) / SAMPLE_RATE
    enroller = Enroller.load(places.MODELS)
    clips = [each.audio for each in choose_clips(read_clips(places.clips(voice), "train"), _ENROLL_SECONDS, seed=0)]
    seconds = interleaved(
        {
            "speak": lambda: [kokoro.render(each, pack) for each in phonemes],
            "enroll": lambda: enroller.enroll(clips),
        },
        _ROUNDS,
    )
    factor, enrol = Spread.of([each / spoken for each in seconds["speak"]]), Spread.of(seconds["enroll"])
    rows = [
        ("speaking, seconds per second of speech", f"{factor:.2f}"),
        ("enrolment from 30 s of recordings, s", f"{enrol:.2f}"),
    ]
    return {"real_time_factor": factor.median, "enrol_s": enrol.median}, markdown_table(("", "median (range)"), rows)


def training_step(voice: str) -> tuple[dict[str, float], str]:
    """Measure a training step, its parts, the plain loop's step and the floor; and how both grow with the clip."""
    settings = load_settings("train", TrainSettings)
    packs, _ = read_tensors(places.STOCK_VOICES)
    chosen = choose_clips(read_clips(places.clips(voice), "train"), 20.0, settings.seed)
    kokoro, speaker = Kokoro(places.KOKORO), base_vector(next(iter(packs.values())))[None]
    precision = resolve_precision(settings.precision, torch.device("cpu"))
    rates = best_rates(torch.device("cpu"), precision)

    def times(clips: Sequence[AlignedClip]) -> StepTimes:
        return StepBench(places.KOKORO, packs, clips, settings, precision).measure(rates, _ROUNDS)

    clips = [align(kokoro, clip, speaker) for clip in chosen]
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
    rows = [(f"of it: {part}", f"{Spread.of(found.parts[part]):.3f}") for part in PARTS if part != "encode"]
    rows = [
        ("step of the project, s", f"{Spread.of(found.step):.3f}"),
        *rows,
        ("kept from step to step: encoding the text", f"{Spread.of(found.parts['encode']):.3f}"),
        ("floor of the project's step at best rates, s", f"{found.floor:.3f}"),
        ("the same if nothing but operations took time, s", f"{found.fused_floor:.3f}"),
        ("step of the plain loop, s", f"{Spread.of(found.plain):.3f}"),
        ("times faster than the plain loop", f"{faster:.1f}"),
        ("clips", f"{len(clips)}, {mean_seconds(clips):.1f} s on average"),
    ]
    by_length = sorted((each.phonemes for each in fixed_sentences()), key=len)
    for name, phonemes in {"longer": by_length[-3], "longest": by_length[-1]}.items():
        alone = [spoken_clip(kokoro, phonemes, speaker)]
        of_one = times(alone)
        figures[f"train_step_speedup_{name}"] = ratio(of_one.plain, of_one.step).median
        rows.append(
            (f"times faster for a clip of {mean_seconds(alone):.1f} s", f"{ratio(of_one.plain, of_one.step):.1f}")
        )
    rows.append(("precision of the project's step", str(precision).removeprefix("torch.")))
    rows.append(("best rates", f"{rates.operations / 1e9:.0f} GFLOP/s, {rates.bytes / 1e9:.1f} GB/s"))
    return figures, markdown_table(("", "median (range)"), rows)


def mean_seconds(clips: Sequence[AlignedClip]) -> float:
    """Return how long clips are on average."""
    return sum(len(clip.audio) for clip in clips) / SAMPLE_RATE / len(clips)


def stage_by_stage(voice: str) -> tuple[dict[str, float], str]:
    """Run every stage of the voice once, start included. They write what is there already."""
    usages = {stage: measure([sys.executable, "-m", f"stages.{stage}", voice]) for stage in _MADE}
    imports = {stage: measure([sys.executable, "-c", f"import stages.{stage}"]).seconds for stage in _MADE}
    on_longest = measure([sys.executable, "-m", "stages.longest_step"])
    idle = interleaved({"noop": lambda: measure(["dvc", "repro", f"evaluate@{voice}"])}, _ROUNDS)["noop"]
    figures = {f"{stage}_s": usage.seconds for stage, usage in usages.items()}
    figures |= {
        "prepare_to_evaluate_s": sum(usage.seconds for usage in usages.values()),
        "imports_s": sum(imports.values()),
        "peak_gb": max(usage.gigabytes for usage in usages.values()),
        "train_gb": usages["train"].gigabytes,
        "longest_clip_gb": on_longest.gigabytes,
        "noop_s": Spread.of(idle).median,
    }
    rows = [
        (
            name,
            f"{usage.seconds:.0f}",
            f"{imports[name]:.1f}" if name in imports else "",
            f"{usage.processor_seconds / usage.seconds:.1f}",
            f"{usage.gigabytes:.1f}",
        )
        for name, usage in {**usages, "training steps on a clip of 30 s": on_longest}.items()
    ]
    total = (f"{figures['prepare_to_evaluate_s']:.0f}", f"{figures['imports_s']:.1f}", "", f"{figures['peak_gb']:.1f}")
    rows.insert(len(usages), ("all", *total))
    rows.append(("`dvc repro` with nothing to do", f"{Spread.of(idle):.1f}", "", "", ""))
    header = ("stage", "seconds", "of it imports", "cores busy", "peak memory, GB")
    return figures, markdown_table(header, rows)


if __name__ == "__main__":
    try:
        main()
    except VoicepackError as error:
        sys.exit(f"bench: {error}")
