"""Files from the Hugging Face hub, at a pinned revision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voicepack.errors import VoicepackError, first_line


def fetch(repository: str, revision: str, patterns: Sequence[str], *, setting: str, otherwise: str) -> Path:
    """Fetch the files of a repository that match `patterns` and return the folder they lie in.

    Raises VoicepackError if that fails, advising to set `setting` to `otherwise`.
    """
    import httpx
    import huggingface_hub
    import huggingface_hub.constants

    # The stages keep off the hub unless told otherwise (stages/stage.py); whoever calls this was told.
    huggingface_hub.constants.HF_HUB_OFFLINE = False
    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=list(patterns)))
    # The hub's own errors are HTTP or OS errors; ValueError: no repository's name. Of a commit, files are asked for at
    # once: that the hub is away is then an error of httpx, which the hub's package lets through.
    except (httpx.HTTPError, OSError, ValueError) as error:
        raise VoicepackError(
            f"{repository} at {revision[:12]} could not be fetched ({first_line(error)}). Check the network, or set"
            f" {setting} in params.yaml to '{otherwise}'."
        ) from None
