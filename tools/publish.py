"""Publish a voice at a hub: python -m tools.publish NAME OWNER/REPOSITORY [--send]

Without --send it only shows what it would send.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from stages import places
from stages.card import CardSettings, card_of
from stages.settings import load_settings
from stages.stage import one_line_errors
from stages.voice import NOT_STATED, load_voice
from tools.command import command_parser
from voicepack.errors import VoicepackError, first_line
from voicepack.files import read_tensors


def files_of(voice: str) -> dict[str, Path]:
    """Return what belongs to a published voice, by its name there.

    Raises VoicepackError if something is not made yet, or it is not stated who spoke, or with what right.
    """
    stated, pack = load_voice(voice), places.pack(voice)
    for field in ("speaker_name", "licence", "consent"):
        if getattr(stated, field) == NOT_STATED:
            raise VoicepackError(f"voices.{voice}.{field} is not stated in params.yaml. Nobody may use such a voice.")
    files = {"README.md": places.card(voice)} | {
        pack.with_suffix(suffix).name: pack.with_suffix(suffix) for suffix in (".pt", ".safetensors", ".npz")
    }
    for sample in sorted(places.voice_samples(voice).glob("test_*.wav")):
        files[f"samples/{voice}_{sample.stem.removeprefix('test_')}.wav"] = sample
    for path in files.values():
        if not path.exists():
            raise VoicepackError(f"{path}: not there. Run `dvc repro card@{voice}`.")
    _, carried = read_tensors(pack.with_suffix(".safetensors"))
    if [carried[name] for name in ("speaker", "licence", "consent")] != [
        stated.speaker_name, stated.licence, stated.consent
    ]:  # fmt: skip
        raise VoicepackError(f"{pack}: carries other words than params.yaml states. Run `dvc repro card@{voice}`.")
    if places.card(voice).read_text() != card_of(voice, load_settings("card", CardSettings)):
        raise VoicepackError(f"{places.card(voice)}: of an earlier pack. Run `dvc repro card@{voice}`.")
    return files


def publish(repository: str, files: dict[str, Path]) -> str:
    """Send files to a repository of the hub, which is made if it is not there, in one commit; return its address.

    Raises VoicepackError if the hub cannot be reached, or refuses.
    """
    os.environ["HF_HUB_OFFLINE"] = "0"
    import httpx
    from huggingface_hub import CommitOperationAdd, HfApi

    operations = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(path)) for name, path in files.items()]
    try:
        api = HfApi()
        api.create_repo(repository, exist_ok=True)
        return str(api.create_commit(repository, operations, commit_message="Voice pack and card").commit_url)
    # The hub's own errors are HTTP errors; a broken upload, a bad name or a missing token are the others.
    except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        raise VoicepackError(
            f"nothing was published at {repository} ({first_line(error)}). Check the network and the name, and log in"
            " with `hf auth login` or HF_TOKEN."
        ) from None


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_parser("tools.publish", __doc__)
    parser.add_argument("voice", metavar="NAME")
    parser.add_argument("repository", metavar="OWNER/REPOSITORY")
    parser.add_argument("--send", action="store_true", help="do it; after `hf auth login`, or with HF_TOKEN")
    options = parser.parse_args(arguments)
    files = files_of(options.voice)
    for name, path in files.items():
        print(f"{path.stat().st_size / 1000:10.1f} kB  {name:32} from {path}")
    print(f"\n{files['README.md'].read_text()}")
    if options.send:
        print(f"Sent: {publish(options.repository, files)}")
    else:
        print(f"Nothing was sent. Add --send to publish this at {options.repository}.")


if __name__ == "__main__":
    with one_line_errors("publish"):
        main()
