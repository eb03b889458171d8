"""A voice vector expanded to the 510 rows of a pack, saved for every program that speaks with Kokoro."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stages import places
from stages.stage import running
from stages.voice import load_voice
from voicepack.files import read_tensors, sha256, tree_sha256
from voicepack.pack import VoicePack
from voicepack.quantised import MODEL_FILE
from voicepack.rows import ROWS, RowCurve


@dataclass(frozen=True)
class ExpandSettings:
    rows: Literal["curve", "flat"]


def main() -> None:
    with running("expand", ExpandSettings) as stage:
        packs, _ = read_tensors(places.STOCK_VOICES)
        voice = read_tensors(places.projection(stage.voice))[0]["voice"]
        if stage.settings.rows == "curve":
            tensor = RowCurve.fit(packs.values()).expand(voice)
        else:
            tensor = voice.expand(ROWS, 1, 256)
        speaker, clips = load_voice(stage.voice), places.clips(stage.voice)
        about = {
            "name": stage.voice,
            "speaker": speaker.speaker_name,
            "licence": speaker.licence,
            "consent": speaker.consent,
            "data_sha256": tree_sha256([clips / "clips.tsv", *clips.glob("audio/*.wav")]),
            "weights_sha256": sha256(places.KOKORO / MODEL_FILE),
        }
        VoicePack(tensor, about).save(places.pack(stage.voice))


if __name__ == "__main__":
    main()
