"""How fast a voice is made and speaks on this machine: make bench. Not a stage: times are never the same twice.

Measured on the demo voice, with the machine to itself. The report shows what lies in metrics/bench.json.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from stages import places
from voicepack.clips import choose_clips, read_clips
from voicepack.constants import SAMPLE_RATE
from voicepack.enrollment import Enroller
from voicepack.errors import VoicepackError
from voicepack.files import write_json
from voicepack.kokoro import Kokoro
from voicepack.pack import load_pack
from voicepack.sentence import fixed_sentences

_VOICE = "demo"
_RUNS = 3
_ENROLL_SECONDS = 30.0


def main() -> None:
    figures = {
        "cores": float(len(os.sched_getaffinity(0))),
        "real_time_factor": real_time_factor(),
        "enrol_s": enrolment_seconds(),
        "train_s": stage_seconds("train"),
    }
    write_json(places.BENCH, figures)
    for name, value in figures.items():
        print(f"{name:18}{value:9.2f}")


def real_time_factor() -> float:
    """Return seconds of work per second of speech, warm, over sentences of all lengths."""
    kokoro, pack = Kokoro(places.KOKORO), load_pack(places.pack(_VOICE))
    phonemes = [each.phonemes for each in fixed_sentences(5)]
    spoken = sum(len(kokoro.render(each, pack)) for each in phonemes) / SAMPLE_RATE
    return median_seconds(lambda: [kokoro.render(each, pack) for each in phonemes]) / spoken


def enrolment_seconds() -> float:
    """Return the seconds that it takes to read a pack from 30 s of recordings, the networks loaded."""
    enroller = Enroller.load(places.MODELS)
    clips = [each.audio for each in choose_clips(read_clips(places.clips(_VOICE), "train"), _ENROLL_SECONDS, seed=0)]
    enroller.enroll(clips)
    return median_seconds(lambda: enroller.enroll(clips))


def stage_seconds(stage: str) -> float:
    """Return the seconds of a whole stage, its start included, once. It writes what is there already."""
    start = time.monotonic()
    finished = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", _VOICE], capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise VoicepackError(f"{stage}@{_VOICE} failed: {finished.stderr.strip().splitlines()[-1]}")
    return time.monotonic() - start


def median_seconds(work: Callable[[], object]) -> float:
    """Return the median of a few runs."""
    times = []
    for _ in range(_RUNS):
        start = time.monotonic()
        work()
        times.append(time.monotonic() - start)
    return statistics.median(times)


if __name__ == "__main__":
    try:
        main()
    except VoicepackError as error:
        sys.exit(f"bench: {error}")
