"""What a pack is worth by the measures of a voice: for what is tried out and not made by `evaluate`."""

from __future__ import annotations

from torch import Tensor

from stages import places
from stages.evaluate import EvaluateSettings
from stages.hearing import read_hearing
from stages.settings import load_settings
from voicepack.renders import NEW, Render, read_renders
from voicepack.sentence import read_sentences
from voicepack.speaking import listeners, speak


def judge(voice: str, packs: dict[str, Tensor]) -> dict[str, list[Render]]:
    """Speak a voice's sentences with packs `[510, 1, 256]` and measure them against that voice's own reference.

    Returns for each pack its renders as those of a new voice, with the floor's and the recordings'. Stage `reference`
    has to be made before.
    """
    sentences, reference = read_sentences(places.reference(voice)), read_renders(places.reference(voice))
    seeds = range(load_settings("evaluate", EvaluateSettings).seeds)
    with listeners(read_hearing(voice)) as workers:
        return {
            name: [*speak(workers, sentences, {NEW: pack}, seeds=seeds), *reference] for name, pack in packs.items()
        }
