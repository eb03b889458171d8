"""How long the stages of a voice take, and how much memory: a part of studies/bench.py."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from studies.made_apart import STAGES, made_apart
from voicepack.markdown import markdown_table
from voicepack.speed.process import Usage, measure
from voicepack.speed.timing import Spread

_ROUNDS = 3
_LONGEST = "training steps on a clip of 30 s"
_IDLE = "`dvc repro` with nothing to do"


def stage_by_stage(voice: str) -> tuple[dict[str, float], str]:
    """Run every stage of the voice, start included; all of them several times, one round after the other."""
    usages: dict[str, list[Usage]] = {name: [] for name in (*STAGES, _LONGEST, _IDLE)}
    imports: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for _ in range(_ROUNDS):
        with tempfile.TemporaryDirectory() as scratch:
            for stage, usage in made_apart(voice, Path(scratch, voice)):
                usages[stage].append(usage)
        usages[_LONGEST].append(measure([sys.executable, "-m", "studies.longest_step"]))
        usages[_IDLE].append(measure(["dvc", "repro", f"evaluate@{voice}"]))
        for stage in STAGES:
            imports[stage].append(measure([sys.executable, "-c", f"import stages.{stage}"]).seconds)

    seconds = {name: Spread.of([usage.seconds for usage in each]) for name, each in usages.items()}
    gigabytes = {name: max(usage.gigabytes for usage in each) for name, each in usages.items()}
    peak = max(gigabytes[stage] for stage in STAGES)
    whole = Spread.of([sum(usages[stage][turn].seconds for stage in STAGES) for turn in range(_ROUNDS)])
    imports_whole = Spread.of([sum(imports[stage][turn] for stage in STAGES) for turn in range(_ROUNDS)])
    rows = [
        (
            name,
            f"{seconds[name]:.0f}",
            f"{Spread.of(imports[name]):.1f}" if name in imports else "",
            f"{median(usage.processor_seconds / usage.seconds for usage in usages[name]):.1f}",
            f"{gigabytes[name]:.1f}",
        )
        for name in (*STAGES, _LONGEST)
    ]
    rows.insert(len(STAGES), ("all", f"{whole:.0f}", f"{imports_whole:.1f}", "", f"{peak:.1f}"))
    rows.append((_IDLE, f"{seconds[_IDLE]:.1f}", "", "", ""))
    figures = {f"{stage}_s": seconds[stage].median for stage in STAGES} | {
        "prepare_to_evaluate_s": whole.median,
        "imports_s": imports_whole.median,
        "peak_gb": peak,
        "train_gb": gigabytes["train"],
        "longest_clip_gb": gigabytes[_LONGEST],
        "noop_s": seconds[_IDLE].median,
    }
    return figures, markdown_table(("stage", "seconds", "of it imports", "cores busy", "peak memory, GB"), rows)
