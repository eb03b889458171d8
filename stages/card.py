"""The card of a voice: who spoke, under which licence, from what it was made, and how good it is."""

from __future__ import annotations

import json
from dataclasses import dataclass

from stages import places
from stages.stage import running
from voicepack.card import voice_card
from voicepack.files import read_tensors, written_whole


@dataclass(frozen=True)
class CardSettings:
    base_model: str
    language: str


def main() -> None:
    with running("card", CardSettings) as stage:
        _, about = read_tensors(places.pack(stage.voice).with_suffix(".safetensors"))
        metrics = json.loads(places.measures(stage.voice).read_text())
        card = voice_card(about, metrics, base_model=stage.settings.base_model, language=stage.settings.language)
        with written_whole(places.card(stage.voice)) as temporary:
            temporary.write_text(card)


if __name__ == "__main__":
    main()
