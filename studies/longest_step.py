"""Training on the longest clip that Kokoro speaks, by itself so that its memory can be measured.

python -m studies.longest_step, which `make bench` runs: it is aligned and learned from as any other clip.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from stages import places
from stages.settings import load_settings
from stages.stage import one_line_errors
from stages.train import TrainSettings
from tools.command import command_parser
from voicepack.alignment import align
from voicepack.audio import write_audio
from voicepack.clips import Clip
from voicepack.constants import MAX_PHONEMES, SAMPLE_RATE
from voicepack.device import resolve_precision
from voicepack.files import read_tensors
from voicepack.kokoro import Kokoro
from voicepack.rows import base_vector
from voicepack.sentence import fixed_sentences
from voicepack.voice_losses import VoiceLosses, speaker_heard_in, weighted

_STEPS = 3
_SPEED = 0.77  # then it lasts 30 s, which is as long as a clip may be


def main() -> None:
    """Take a few steps, and say on how much speech."""
    command_parser("studies.longest_step", __doc__).parse_args()
    settings = load_settings("train", TrainSettings)
    packs, _ = read_tensors(places.STOCK_VOICES)
    speaker, voice, *_ = (base_vector(pack)[None] for pack in packs.values())
    kokoro = Kokoro(places.KOKORO, precision=resolve_precision(settings.precision, torch.device("cpu")))
    longest_first = sorted((each.phonemes for each in fixed_sentences()), key=len, reverse=True)
    phonemes = " ".join(longest_first)[:MAX_PHONEMES]
    audio = kokoro.render(phonemes, speaker, speed=_SPEED)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "longest.wav")
        write_audio(file, audio)
        spoken = Clip(
            "longest", "", phonemes, file, samples=len(audio), bandwidth=SAMPLE_RATE / 2, signal_to_noise=60.0
        )
        (clip,) = align(kokoro, [spoken], voice)
    recordings = speaker_heard_in([clip], settings.losses)
    losses = VoiceLosses(kokoro, packs, recordings)
    voice.requires_grad_()
    generator = torch.Generator().manual_seed(0)
    clips, seconds = [clip] * settings.prosody_clips, settings.window_seconds
    for step in range(_STEPS):
        values = losses.of_step(voice, clips, seconds, generator, step, own_prosody=settings.own_prosody(step))
        weighted(values, settings.losses).backward()
    print(f"{len(audio) / SAMPLE_RATE:.1f}")


if __name__ == "__main__":
    with one_line_errors("longest_step"):
        main()
