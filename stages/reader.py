"""The statistics reader, fitted on rendered speech: what spectrum, pitch and loudness say of a voice."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tqdm import tqdm

from stages import places
from stages.speech import rendered_speech
from stages.stage import running
from voicepack.damage import damage
from voicepack.files import read_tensors, write_json
from voicepack.reader import ReaderFit, StatisticsReader
from voicepack.rendered_speech import Speech
from voicepack.statistics import voice_statistics
from voicepack.voices import HELD_OUT, relative_errors


@dataclass(frozen=True)
class ReaderSettings:
    speech_shards: int
    damaged_copies: int
    fit: ReaderFit


def main() -> None:
    with running("reader", ReaderSettings) as stage:
        settings = stage.settings
        packs, _ = read_tensors(places.STOCK_VOICES)
        speech = rendered_speech(packs)
        training, held_out = speech.drawn(range(settings.speech_shards)), speech.stock(HELD_OUT)
        copies = range(settings.damaged_copies + 1)
        statistics = torch.cat([measure(training, copy) for copy in copies])
        reader = StatisticsReader.fit(statistics, training.voices.repeat(len(copies), 1), settings.fit)
        reader.save(places.READER)
        errors = relative_errors(reader.read(measure(held_out, 0)), held_out.voices)
        mean_voice = relative_errors(reader.centre[None], held_out.voices)
        metrics = errors.named("error") | mean_voice.named("error", "mean_voice_")
        write_json(places.READER_METRICS, metrics)
        stage.run.log_metrics(metrics)


def measure(speech: Speech, copy: int) -> torch.Tensor:
    """Measure every clip, `[N, S]`: copy 0 as it is, any other damaged in its own way."""
    rows = []
    for index, clip in enumerate(tqdm(speech.audio, f"statistics, copy {copy}")):
        generator = torch.Generator().manual_seed(copy * 10**6 + index)
        rows.append(voice_statistics(damage(clip, generator) if copy else clip))
    return torch.stack(rows)


if __name__ == "__main__":
    main()
