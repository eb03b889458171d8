"""How fast a voice is made and speaks on this machine: make bench, or python -m studies.bench with the parts' names.

Not a stage: times are never the same twice.

Measured on the demo voice, with the machine to itself. Writes metrics/bench.json, which the report shows, and the
tables of docs/performance.md. With `--voice NAME` it measures another voice and only prints.
"""

from __future__ import annotations

import os
from pathlib import Path

from stages import places
from stages.stage import one_line_errors
from studies.bench_precision import precision
from studies.bench_stages import stage_by_stage
from studies.bench_step import compiled, training_step
from studies.bench_training import training
from studies.parts import Part, measured, write_down
from tools.command import command_parser
from voicepack.clips import choose_clips, read_clips
from voicepack.constants import SAMPLE_RATE
from voicepack.enrollment import Enroller
from voicepack.kokoro import Kokoro
from voicepack.markdown import markdown_table
from voicepack.pack import load_pack
from voicepack.sentence import fixed_sentences
from voicepack.speed.timing import Spread, interleaved

_DEMO = "demo"
_ROUNDS = 3
_ENROLL_SECONDS = 30.0
_PAGE = Path("docs/performance.md")


def main() -> None:
    benches: dict[str, Part] = {
        "speaking": speaking,
        "step": training_step,
        "compiled": compiled,
        "training": training,
        "precision": precision,
        "stages": stage_by_stage,
    }
    parser = command_parser("studies.bench", __doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(benches))
    parser.add_argument("--voice", default=_DEMO, help="of params.yaml, already made")
    arguments = parser.parse_args()
    for name, figures, table in measured(benches, arguments.parts, arguments.voice):
        if arguments.voice == _DEMO:
            cores = {"cores": float(len(os.sched_getaffinity(0)))}
            write_down(name, figures | cores, table, places.BENCH, _PAGE)


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


if __name__ == "__main__":
    with one_line_errors("bench"):
        main()
