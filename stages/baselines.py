"""What other recipes make of the same recordings, spoken and measured as the voice is.

They do not depend on training either: a changed learning rate does not measure them again.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import torch

from stages import places
from stages.hearing import nearest_stock, read_hearing
from stages.stage import running
from voicepack.clips import choose_clips, read_clips
from voicepack.device import speaking_device
from voicepack.enrollment import Enroller
from voicepack.files import read_tensors, write_tensors
from voicepack.kokoro import Kokoro
from voicepack.origin import origin_pack
from voicepack.random_walk import random_walk
from voicepack.renders import write_renders
from voicepack.sentence import read_sentences
from voicepack.speaking import listeners, speak


@dataclass(frozen=True)
class BaselinesSettings:
    enroll_seconds: float
    origin_epochs: int
    walk_steps: int
    seed: int


def main() -> None:
    with running("baselines", BaselinesSettings) as stage:
        settings, voice = stage.settings, stage.voice
        hearing = read_hearing(voice)
        clips = read_clips(places.clips(voice), "train")
        stock = read_tensors(places.STOCK_VOICES)[0]
        enroller = Enroller.load(places.MODELS)
        style = read_tensors(places.styles(voice))[0]["mean"]
        enrolled = choose_clips(clips, settings.enroll_seconds, settings.seed)
        # Short texts: the walk spends its time on steps, not on one long sentence.
        texts = sorted((clip.phonemes for clip in clips), key=len)
        packs = {
            "mean": torch.stack(list(stock.values())).mean(0),
            "enrolled": enroller.enroll([clip.audio for clip in enrolled]),
            "origin": origin_pack(
                style, (clip.audio for clip in clips), epochs=settings.origin_epochs, seed=settings.seed
            ),
            "walk": random_walk(
                Kokoro(places.KOKORO, speaking_device()), enroller.speaker_encoder, hearing.reference,
                stock[nearest_stock(voice)], stock, (texts[0], texts[min(1, len(texts) - 1)]),
                steps=settings.walk_steps, seed=settings.seed,
            ),
        }  # fmt: skip
        sentences = [each for each in read_sentences(places.reference(voice)) if not each.long]
        with listeners(hearing) as workers:
            renders = speak(workers, sentences, packs)
        folder = places.baselines(voice)
        shutil.rmtree(folder, ignore_errors=True)
        write_renders(folder, renders)
        write_tensors(folder / "packs.safetensors", packs)


if __name__ == "__main__":
    main()
