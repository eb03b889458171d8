"""The pack measured on held-out clips, beside the nearest stock voice and the real recordings; and heard."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stages import places
from stages.stage import running
from stages.voice import load_voice
from voicepack.audio import write_audio
from voicepack.clips import read_clips
from voicepack.evaluation import evaluate, reference_embedding
from voicepack.files import read_tensors, write_json, write_table
from voicepack.intelligibility import Transcriber
from voicepack.kokoro import Kokoro
from voicepack.likeness import SpeakerEncoder, nearest_voice
from voicepack.pack import load_pack
from voicepack.rows import base_vector
from voicepack.text import phonemize
from voicepack.voices import relative_errors


@dataclass(frozen=True)
class EvaluateSettings:
    test_sentences: tuple[str, ...]
    max_clips: int


def main() -> None:
    with running("evaluate", EvaluateSettings) as stage:
        settings, voice = stage.settings, stage.voice
        kokoro, judge = Kokoro(places.KOKORO), SpeakerEncoder()
        pack = load_pack(places.pack(voice))
        train = read_clips(places.clips(voice), "train")
        held_out = read_clips(places.clips(voice), "held_out")[: settings.max_clips]
        reference = reference_embedding(judge, train)
        nearest = nearest_voice(read_tensors(places.STOCK_SPEAKERS)[0], reference)
        floor = read_tensors(places.STOCK_VOICES)[0][nearest]
        result = evaluate(kokoro, pack, (nearest, floor), reference, held_out, judge, Transcriber().transcribe)

        metrics = result.metrics
        truth = Path(load_voice(voice).data, places.TRUTH)
        if truth.exists():  # a synthetic speaker, whose voice vector is known
            true = read_tensors(truth)[0]["voice"][None]
            errors = relative_errors(base_vector(pack)[None], true)
            metrics |= errors.named("error", "recovered_")
            errors = relative_errors(base_vector(floor)[None], true)
            metrics |= errors.named("error", "stock_")

        samples = places.METRICS / "samples" / voice
        shutil.rmtree(samples, ignore_errors=True)
        for number, text in enumerate(settings.test_sentences, start=1):
            write_audio(samples / f"test_{number}.wav", kokoro.render(phonemize(text), pack))
        for clip in held_out:
            name = str(PurePosixPath(clip.name).with_suffix("")).replace("/", "_")
            write_audio(samples / f"{name}_real.wav", clip.audio)
            write_audio(samples / f"{name}_new.wav", result.renders["new", clip.name])
            write_audio(samples / f"{name}_{nearest}.wav", result.renders[nearest, clip.name])
        rows = [{**dataclasses.asdict(each), "nearest_voice": nearest} for each in result.sentences]
        write_table(places.METRICS / "sentences" / f"{voice}.tsv", rows)
        write_json(places.METRICS / f"{voice}.json", metrics)
        stage.run.log_metrics(metrics)


if __name__ == "__main__":
    main()
