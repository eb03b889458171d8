"""How the stock voices sound to the judge: speaker embeddings, from which evaluation picks the nearest one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stages import places
from stages.speech import rendered_speech
from stages.stage import running
from voicepack.files import read_tensors, write_tensors
from voicepack.likeness import SpeakerEncoder, speaker_embedding


@dataclass(frozen=True)
class StockSettings:
    judge: Literal["resemblyzer"]


def main() -> None:
    with running("stock", StockSettings) as stage:
        packs, _ = read_tensors(places.STOCK_VOICES)
        speech = rendered_speech(packs)
        encoder = SpeakerEncoder()
        speakers = {}
        for name in sorted(packs):
            embeddings = [encoder.embed(clip) for clip in speech.stock([name]).audio]
            speakers[name] = speaker_embedding(embeddings)
        write_tensors(places.STOCK_SPEAKERS, speakers, {"encoder": stage.settings.judge})
        stage.run.log_metrics({"stock_voices": len(speakers)})


if __name__ == "__main__":
    main()
