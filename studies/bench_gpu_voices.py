"""Whole voices on a CUDA GPU, one after another and several at once: two parts of studies/bench_gpu.py."""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stages import places
from studies.made_apart import STAGES, made_apart
from voicepack.files import read_json
from voicepack.markdown import markdown_table
from voicepack.speed.gpu import watched_gpu

_CORES_EACH = 2
_MEASURES = ("likeness_normalised", "likeness", "f0_mean_ratio", "mel_loss", "mcd_db", "wer", "dnsmos", "distillmos")


def one_voice(voice: str) -> tuple[dict[str, float], str]:
    """Make a voice with all cores; its seconds by stage, and its measures beside those that are there."""
    known = read_json(places.measures(voice))  # first: a missing file is not to be found out after minutes
    with tempfile.TemporaryDirectory() as scratch, watched_gpu() as gpu:
        folder = Path(scratch, voice)
        seconds = {stage: usage.seconds for stage, usage in made_apart(voice, folder)}
        found = read_json(folder / places.measures(voice))
    rows = [(stage, f"{each:.1f}") for stage, each in seconds.items()]
    rows.append(("all", f"{sum(seconds.values()):.1f}"))
    compared = [(name, f"{found[name]:.3f}", f"{known[name]:.3f}") for name in _MEASURES if name in known]
    figures = {f"{stage}_s": each for stage, each in seconds.items()} | {"voice_s": sum(seconds.values())}
    table = markdown_table((f"stage, {len(os.sched_getaffinity(0))} cores", "seconds"), rows)
    return figures | {"voice_gpu_busy": gpu.busy}, f"{table}\n\n" + markdown_table(
        ("measure", "made here", f"as {places.measures(voice)} has it"), compared
    )


def several_voices(voice: str) -> tuple[dict[str, float], str]:
    """Make as many voices at once as there are pairs of cores, each on two of them."""
    cores = sorted(os.sched_getaffinity(0))
    shares = [cores[first : first + _CORES_EACH] for first in range(0, len(cores) - 1, _CORES_EACH)]
    with tempfile.TemporaryDirectory() as scratch, watched_gpu() as gpu, ThreadPoolExecutor(len(shares)) as pool:
        start = time.monotonic()
        folders = [Path(scratch, str(number)) for number in range(len(shares))]
        each = list(pool.map(lambda of: dict(made_apart(voice, *of)), zip(folders, shares, strict=True)))
        seconds = time.monotonic() - start
    slowest = {stage: max(found[stage].seconds for found in each) for stage in STAGES}
    rows = [(f"{stage}, the slowest", f"{found:.0f} s") for stage, found in slowest.items()]
    rows += [
        ("voices at once, each on two cores", f"{len(shares)}"),
        ("voices a minute", f"{60 * len(shares) / seconds:.1f}"),
        ("GPU busy", f"{gpu.busy:.0%}"),
        ("memory of the GPU", f"{gpu.gigabytes:.1f} GB"),
    ]
    figures = {
        "voices_at_once": float(len(shares)),
        "voices_a_minute": 60 * len(shares) / seconds,
        "voices_gpu_busy": gpu.busy,
        "voices_gpu_gb": gpu.gigabytes,
    }
    return figures, markdown_table(("", ""), rows)
