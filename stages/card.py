"""The card of a voice: who spoke, under which licence, from what it was made, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass

from stages import places
from stages.settings import load_settings
from stages.stage import running
from voicepack.card import voice_card
from voicepack.files import read_json, read_tensors, written_whole


@dataclass(frozen=True)
class CardSettings:
    base_model: str
    language: str


def main() -> None:
    with running("card", CardSettings) as stage, written_whole(places.card(stage.voice)) as temporary:
        temporary.write_text(card_of(stage.voice, stage.settings))


def card_of(voice: str, settings: CardSettings) -> str:
    """Return the card of a voice as it is now."""
    _, about = read_tensors(places.pack(voice).with_suffix(".safetensors"))
    metrics = read_json(places.measures(voice))
    lang_code = load_settings("prepare.language", str)
    return voice_card(about, metrics, base_model=settings.base_model, language=settings.language, lang_code=lang_code)


if __name__ == "__main__":
    main()
