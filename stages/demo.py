"""The embedded demo: recordings of a synthetic speaker who is no stock voice, with the true voice kept aside."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass

import torch

from stages import places
from stages.stage import running
from voicepack.audio import write_audio
from voicepack.files import read_tensors, write_tensors, written_whole
from voicepack.kokoro import Kokoro
from voicepack.rows import RowCurve, base_vector
from voicepack.text import phonemize, sentences
from voicepack.voices import VoiceSpace


@dataclass(frozen=True)
class DemoSettings:
    blend: dict[str, float]
    shift: float
    seed: int


def main() -> None:
    with running("demo", DemoSettings) as stage:
        packs, _ = read_tensors(places.STOCK_VOICES)
        blend = sum(
            (weight * base_vector(packs[name]) for name, weight in stage.settings.blend.items()), torch.zeros(256)
        )
        off_the_line = VoiceSpace.fit(packs).draw_shift(torch.Generator().manual_seed(stage.settings.seed))
        voice = blend + stage.settings.shift * off_the_line
        pack = RowCurve.fit(packs.values()).expand(voice)
        kokoro = Kokoro(places.KOKORO)
        shutil.rmtree(places.DEMO, ignore_errors=True)
        lines = []
        for number, text in enumerate(sentences("demo")):
            name = f"demo_{number:02d}.flac"
            write_audio(places.DEMO / "train" / name, kokoro.render(phonemize(text), pack, seed=number))
            lines.append(json.dumps({"file_name": name, "text": text, "speaker": "demo"}))
        with written_whole(places.DEMO / "train/metadata.jsonl") as temporary:
            temporary.write_text("\n".join(lines) + "\n")
        write_tensors(places.DEMO / places.TRUTH, {"voice": voice})
        stage.run.log_metrics({"clips": len(lines)})


if __name__ == "__main__":
    main()
