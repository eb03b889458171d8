"""A voice vector brought to the speaker's pitch and tempo and expanded to a pack, for every program that speaks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from stages import places
from stages.stage import running
from stages.voice import load_voice
from voicepack.calibration import calibrate
from voicepack.clips import choose_clips, read_clips
from voicepack.constants import DECODER, PREDICTOR
from voicepack.device import Precision, resolve_precision, speaking_device
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors, sha256, tree_sha256
from voicepack.kokoro import Kokoro
from voicepack.pack import VoicePack
from voicepack.quantised import MODEL_FILE
from voicepack.rows import ROWS, RowCurve
from voicepack.voices import VoiceSpace


@dataclass(frozen=True)
class ExpandSettings:
    rows: Literal["prosody", "curve", "flat"]
    calibration_seconds: float
    precision: Precision

    def __post_init__(self) -> None:
        """Raise VoicepackError for a negative number."""
        if self.calibration_seconds < 0:
            raise VoicepackError(f"expand.calibration_seconds is {self.calibration_seconds}. Write 0 or more.")

    def expand(self, curve: RowCurve, voice: Tensor) -> Tensor:
        """Expand a voice vector `[256]` into a pack `[510, 1, 256]`."""
        equal, changing = voice.expand(ROWS, 1, 256), curve.expand(voice)
        match self.rows:
            case "prosody":
                return torch.cat([equal[..., DECODER], changing[..., PREDICTOR]], -1)
            case "curve":
                return changing
            case "flat":
                return equal


def main() -> None:
    with running("expand", ExpandSettings) as stage:
        packs, _ = read_tensors(places.STOCK_VOICES)
        voice = read_tensors(places.projection(stage.voice))[0]["voice"]
        clips, seconds = places.clips(stage.voice), stage.settings.calibration_seconds
        expand = partial(stage.settings.expand, RowCurve.fit(packs.values()))
        if seconds:
            spoken = choose_clips(read_clips(clips, "train"), seconds, seed=0)
            device = speaking_device()
            kokoro = Kokoro(places.KOKORO, device, resolve_precision(stage.settings.precision, device))
            voice, heard = calibrate(kokoro, spoken, voice, expand, VoiceSpace.fit(packs))
            for step, offsets in enumerate(heard):
                stage.run.log_metrics({f"{name}_offset": value for name, value in asdict(offsets).items()}, step)
        speaker = load_voice(stage.voice)
        about = {
            "name": stage.voice,
            "speaker": speaker.speaker_name,
            "licence": speaker.licence,
            "consent": speaker.consent,
            "data_sha256": tree_sha256([clips / "clips.tsv", *clips.glob("audio/*.wav")]),
            "weights_sha256": sha256(places.KOKORO / MODEL_FILE),
        }
        VoicePack(expand(voice), about).save(places.pack(stage.voice))


if __name__ == "__main__":
    main()
