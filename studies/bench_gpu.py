"""How voices are made on a CUDA GPU: python -m studies.bench_gpu, or with the parts' names.

Needs the demo voice as `make voice` leaves it, and the GPU to itself. Writes metrics/bench_gpu.json and the tables of
docs/gpu.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from stages import places
from stages.encoder import EncoderSettings
from stages.settings import load_settings
from stages.speech import rendered_speech
from stages.stage import one_line_errors
from studies.bench_gpu_training import agreement, repeated
from studies.bench_gpu_voices import one_voice, several_voices
from studies.bench_step import training_step
from studies.parts import Part, measured, write_down
from tools.command import command_parser
from voicepack.constants import SAMPLE_RATE
from voicepack.device import Precision
from voicepack.encoder_training import train_encoder
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors
from voicepack.kokoro import Kokoro
from voicepack.markdown import markdown_table
from voicepack.pack import load_pack
from voicepack.sentence import fixed_sentences
from voicepack.speed.timing import Spread, interleaved, now
from voicepack.voices import HELD_OUT

_VOICE, _ROUNDS = "demo", 3
_PAGE = Path("docs/gpu.md")
_SHARDS, _STEPS = 2, 100  # of the encoder's speech and training


def main() -> None:
    parts: dict[str, Part] = {
        "agreement": agreement,
        "repeated": repeated,
        "float32": partial(step_in, "float32"),
        "bfloat16": partial(step_in, "bfloat16"),
        "speaking": speaking,
        "encoder": encoder,
        "voice": one_voice,
        "voices": several_voices,
    }
    parser = command_parser("studies.bench_gpu", __doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(parts))
    wanted = parser.parse_args().parts
    if not torch.cuda.is_available():
        raise VoicepackError("PyTorch finds no CUDA GPU here. See docs/gpu.md.")
    for name, figures, table in measured(parts, wanted, _VOICE):
        write_down(name, figures, table, places.BENCH_GPU, _PAGE)


def step_in(precision: Precision, voice: str) -> tuple[dict[str, float], str]:
    """Measure a training step as `bench step` does on the processor, with the decoder in a precision."""
    figures, rows = training_step(voice, torch.device("cuda"), precision)
    return {f"{precision}_{name}": value for name, value in figures.items()}, rows


def speaking(voice: str) -> tuple[dict[str, float], str]:
    """Measure speech by a pack, over sentences of all lengths, on the GPU and on the processor."""
    speakers = {device: Kokoro(places.KOKORO, device) for device in ("cuda", "cpu")}
    pack, phonemes = load_pack(places.pack(voice)), [each.phonemes for each in fixed_sentences(5)]
    spoken = sum(len(speakers["cuda"].render(each, pack)) for each in phonemes) / SAMPLE_RATE

    def speak(device: str) -> None:
        for each in phonemes:
            speakers[device].render(each, pack)

    seconds = interleaved({device: partial(speak, device) for device in speakers}, _ROUNDS)
    faster = {device: Spread.of([spoken / each for each in found]) for device, found in seconds.items()}
    names = {"cuda": "on the GPU", "cpu": f"on the processor, {torch.get_num_threads()} threads"}
    rows = [(names[device], f"{each:.0f}") for device, each in faster.items()]
    figures = {f"{device}_speech_per_s": each.median for device, each in faster.items()}
    return figures, markdown_table(("one process speaks", "seconds of speech a second"), rows)


def encoder(voice: str) -> tuple[dict[str, float], str]:
    """Measure the rendering of clips for the encoder, and the steps of its training; no voice has a part in it."""
    packs, _ = read_tensors(places.STOCK_VOICES)
    gpu, held_out = torch.device("cuda"), rendered_speech(packs).stock(HELD_OUT)
    settings = load_settings("encoder", EncoderSettings).training
    steps = dict[int, float]()

    def note(step: int, _: Mapping[str, float]) -> None:
        steps.setdefault(step, now(gpu))

    with tempfile.TemporaryDirectory() as scratch:
        speech = rendered_speech(packs, Path(scratch))  # where none lies yet
        start = now(gpu)
        clips = speech.drawn(range(_SHARDS))
        rendering = (now(gpu) - start) / len(clips.audio)
        train_encoder(clips, held_out, replace(settings, steps=_STEPS), Path(scratch) / "resume.pt", note)
    first, last = min(steps), max(steps)
    step = (steps[last] - steps[first]) / (last - first)
    rows = [("a clip of 3 s rendered, s", f"{rendering:.3f}"), ("a step of training, s", f"{step:.3f}")]
    return {"render_clip_s": rendering, "encoder_step_s": step}, markdown_table(("", "seconds"), rows)


if __name__ == "__main__":
    with one_line_errors("bench_gpu"):
        main()
