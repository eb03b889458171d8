"""Pairs for the projection: voices rendered by Kokoro, and what the style encoders read in them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stages import places
from stages.speech import rendered_speech
from stages.stage import running
from voicepack.constants import SAMPLE_RATE, SHORTEST_SECONDS
from voicepack.damage import damage
from voicepack.files import read_tensors, write_tensors
from voicepack.style_encoder import load_style_encoder

# Numbers of shards that the encoder was not trained on: its own training clips it reads better than new ones.
_FIRST_SHARD = 10_000


@dataclass(frozen=True)
class PairsSettings:
    speech_shards: int
    damaged_copies: int


def main() -> None:
    with running("pairs", PairsSettings) as stage:
        packs, _ = read_tensors(places.STOCK_VOICES)
        names = sorted(packs)
        speech = rendered_speech(packs)
        drawn = speech.drawn(range(_FIRST_SHARD, _FIRST_SHARD + stage.settings.speech_shards))
        stock = speech.stock(names)
        encoders = load_style_encoder(places.STYLE_ENCODER)
        long_enough = [len(clip) >= SHORTEST_SECONDS * SAMPLE_RATE for clip in drawn.audio]
        drawn_styles = []
        for copy in range(stage.settings.damaged_copies + 1):
            clips = [
                damage(clip, torch.Generator().manual_seed(copy * len(drawn.audio) + index)) if copy else clip
                for index, clip in enumerate(drawn.audio)
                if long_enough[index]
            ]
            drawn_styles.append(encoders.encode(clips))
        write_tensors(
            places.PAIRS,
            {
                "drawn_styles": torch.cat(drawn_styles),
                "drawn_voices": drawn.voices[torch.tensor(long_enough)].repeat(stage.settings.damaged_copies + 1, 1),
                "stock_styles": encoders.encode(stock.audio),
                "stock_voices": stock.voices,
            },
            {"stock": " ".join(name for name in names for _ in range(len(stock.audio) // len(names)))},
        )
        stage.run.log_metrics({"pairs": sum(map(len, drawn_styles)) + len(stock.audio)})


if __name__ == "__main__":
    main()
