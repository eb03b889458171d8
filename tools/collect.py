"""A voice gathered in one folder, under the names that the original program gave its files.

    output/NAME/NAME.pt, NAME_artifacts.pt, NAME_test_1.wav …, checkpoints/

Copies: the pipeline's own files stay where they are.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from stages import places
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors, sha256, written_whole
from voicepack.pack import load_pack
from voicepack.rows import base_vector


def collect(voice: str, out: Path) -> Path:
    """Copy what was made of a voice to `out / voice`, and return that folder.

    NAME_artifacts.pt holds what the pack was made from: `projection` (the trained network's tensors), `style`
    `[256]` (the mean of the clips), `styles` `[N, 256]`, and `voice` `[256]`, which was expanded to the pack.
    Raises VoicepackError if a stage of the voice has not been run.
    """
    samples = sorted(places.voice_samples(voice).glob("test_*.wav"))
    if not places.pack(voice).exists() or not samples:
        raise VoicepackError(f"{voice}: not made yet. Run `dvc repro evaluate@{voice}`.")
    folder = out / voice
    projection, _ = read_tensors(places.projection(voice))
    styles, _ = read_tensors(places.styles(voice))
    del projection["voice"]  # before it was calibrated; expanding leaves the mean of a pack's settled rows as it was
    artifacts = {
        "voice": base_vector(load_pack(places.pack(voice))),
        "projection": projection,
        "style": styles["mean"],
        "styles": styles["styles"],
    }
    # What an earlier voice of this name has left would pass for this one's.
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    for earlier in folder.glob(f"{voice}_test_*.wav"):
        earlier.unlink()
    with written_whole(folder / f"{voice}_artifacts.pt") as temporary:
        torch.save(artifacts, temporary)
    _copy(places.pack(voice), folder / f"{voice}.pt")
    for spoken in samples:
        _copy(spoken, folder / f"{voice}_{spoken.name}")
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir()
    # Those of the run that made the voice. One out of the cache was trained elsewhere and has none here.
    made = sha256(places.projection(voice))
    runs = [path for path in (places.CHECKPOINTS / voice).glob(f"*/{places.MADE}") if path.read_text() == made]
    if runs:
        newest = max(runs, key=lambda path: path.stat().st_mtime)
        for checkpoint in sorted(newest.parent.glob("step_*.pt")):
            _copy(checkpoint, checkpoints / checkpoint.name)
    return folder


def _copy(source: Path, target: Path) -> None:
    with written_whole(target) as temporary:
        shutil.copyfile(source, temporary)
