"""The pack measured between the nearest stock voice and the speaker's own recordings; and heard."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from stages import places
from stages.hearing import nearest_stock, read_hearing
from stages.settings import load_settings
from stages.stage import running
from voicepack.audio import write_audio
from voicepack.evaluation import F0_COLUMNS, f0_table, length_table, score_table, summarise
from voicepack.files import read_tensors, write_json, write_table
from voicepack.pack import load_pack
from voicepack.renders import NEW, read_renders, write_renders
from voicepack.rows import base_vector
from voicepack.sentence import read_sentences
from voicepack.speaking import listeners, say, speak
from voicepack.text import phonemize
from voicepack.voices import relative_errors


@dataclass(frozen=True)
class EvaluateSettings:
    test_sentences: tuple[str, ...]
    seeds: Literal[1, 2]


def main() -> None:
    with running("evaluate", EvaluateSettings) as stage:
        settings, voice = stage.settings, stage.voice
        pack = load_pack(places.pack(voice))
        sentences = read_sentences(places.reference(voice))
        with listeners(read_hearing(voice)) as workers:
            texts = phonemes_of(settings.test_sentences)
            spoken = speak(workers, sentences, {NEW: pack}, seeds=range(settings.seeds))
            tests = say(workers, texts, pack)
        folder = places.voice_samples(voice)
        shutil.rmtree(folder, ignore_errors=True)
        write_renders(folder, spoken)
        for number, audio in enumerate(tests, start=1):
            write_audio(folder / f"test_{number}.wav", audio)

        renders = [*spoken, *read_renders(places.reference(voice))]
        metrics = summarise(renders) | recovery(voice, pack, read_tensors(places.STOCK_VOICES)[0])
        write_table(places.sentences(voice), [each.values() for each in renders])
        write_table(places.scores(voice), score_table(renders))
        write_table(places.lengths(voice), length_table(renders))
        write_table(places.f0(voice), f0_table(spoken, sentences), F0_COLUMNS)
        write_json(places.measures(voice), metrics)
        stage.run.log_metrics(metrics)
        stage.run.log_artifact(folder)


def phonemes_of(texts: Sequence[str]) -> list[str]:
    """Return the phonemes of texts in the language of the recordings."""
    language = load_settings("prepare.language", str)
    return [phonemize(text, language) for text in texts]


def recovery(voice: str, pack: Tensor, stock: Mapping[str, Tensor]) -> dict[str, float]:
    """Return how far off the pack is from a synthetic speaker's true voice vector, and nothing of a real speaker."""
    truth = places.truth(voice)
    if not truth.exists():
        return {}
    true = read_tensors(truth)[0]["voice"][None]
    found, floor = (base_vector(each)[None] for each in (pack, stock[nearest_stock(voice)]))
    return relative_errors(found, true).named("error", "recovered_") | relative_errors(floor, true).named(
        "error", "stock_"
    )


if __name__ == "__main__":
    main()
