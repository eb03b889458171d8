"""Whether training could have found a synthetic speaker's true voice vector: its losses there, and at what it found.

    python -m studies.recovery demo     two minutes, after `dvc repro train@demo`; writes the table of docs/results.md

A loss that is no lower at the truth than at what was found cannot tell the two apart, however long one trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from stages import places
from stages.stage import one_line_errors
from stages.train import read_material
from studies.on_processor import training_on_processor
from tools.command import command_parser
from voicepack.alignment import AlignedClip
from voicepack.constants import DECODER, PREDICTOR
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors
from voicepack.markdown import markdown_table, put_table
from voicepack.training import VoiceTraining, step_losses
from voicepack.voice_losses import VoiceLosses
from voicepack.voices import relative_errors

_PAGE = Path("docs/results.md")
_STEPS = 16  # each compares the sound of one clip and the prosody of several
_SOUND = ("mel", "mel_statistics", "timbre", "speaker")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_parser("studies.recovery", __doc__)
    parser.add_argument("voice", metavar="NAME", help="whose true vector is known, such as demo")
    text = table(parser.parse_args(arguments).voice)
    print(text)
    put_table(_PAGE, "recovery", text)


def table(voice: str) -> str:
    """Return the losses of training at several vectors in Markdown.

    Raises VoicepackError for a speaker whose true vector is not known.
    """
    truth = places.truth(voice)
    if not truth.exists():
        raise VoicepackError(f"{truth}: no such file. Only a synthetic speaker's true vector is known.")
    settings = training_on_processor()
    material = read_material(voice, settings)
    true, found = read_tensors(truth)[0]["voice"], read_tensors(places.projection(voice))[0]["voice"]
    acoustic, prosodic = true.clone(), true.clone()
    acoustic[PREDICTOR], prosodic[DECODER] = found[PREDICTOR], found[DECODER]
    vectors = {
        "start of training": material.start, "found": found, "its acoustic half, the true prosodic": prosodic,
        "the true acoustic half, its prosodic": acoustic, "the true vector": true,
    }  # fmt: skip
    lines = []
    for name, vector in vectors.items():
        losses = mean_losses(material.losses, material.clips, vector, settings)
        error = relative_errors(vector[None], true[None])
        sound = sum(losses[each] for each in _SOUND if each in losses)
        prosody = sum(value for each, value in losses.items() if each not in (*_SOUND, "prior"))
        values = (error.acoustic, error.prosodic, sound, prosody, losses["prior"], sum(losses.values()))
        lines.append((name, *(f"{value:.3f}" for value in values)))
    return markdown_table(
        ("vector", "acoustic error", "prosodic error", "losses of sound", "of prosody", "prior", "all"), lines
    )


def mean_losses(
    losses: VoiceLosses, clips: Sequence[AlignedClip], voice: Tensor, settings: VoiceTraining
) -> dict[str, float]:
    """Return the losses of a voice vector `[256]` by name, weighted: means over the first steps of training."""
    weights = asdict(settings.losses)
    sums = dict.fromkeys(weights, 0.0)
    with torch.no_grad():
        for step in range(_STEPS):
            values = step_losses(losses, clips, voice[None].to(losses.kokoro.device), settings, step)
            for name, value in values.items():
                sums[name] += weights[name] * float(value) / _STEPS
    return sums


if __name__ == "__main__":
    with one_line_errors("recovery"):
        main()
