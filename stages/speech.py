"""The speech that the project's Kokoro renders: one folder that every stage reads from and adds to."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from stages import places
from voicepack.files import sha256
from voicepack.kokoro import Kokoro
from voicepack.processes import processes
from voicepack.quantised import MODEL_FILE
from voicepack.rendered_speech import RenderedSpeech


def rendered_speech(packs: Mapping[str, Tensor], folder: Path = places.RENDERED_SPEECH) -> RenderedSpeech:
    """Return the speech of stock `packs` by name, kept in `folder`; Kokoro is loaded when it has to be rendered."""
    weights = sha256(places.KOKORO / MODEL_FILE)
    load = functools.partial(Kokoro, places.KOKORO, processes().device)
    return RenderedSpeech(folder, load, packs, weights)
