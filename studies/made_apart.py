"""A voice made and measured in a folder of its own: what the project has of it stays as it is."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from stages import places
from stages.tracking import tracking_uri
from stages.voice import load_voice
from voicepack.speed.process import Usage, measure

STAGES = ("prepare", "extract", "train", "expand", "reference", "evaluate")  # what makes and measures a voice
_OWN = {"checkpoints", "projection", "voices", "cards"}  # folders of models/ that stages of a voice write


def made_apart(voice: str, folder: Path, cores: Collection[int] | None = None) -> Iterator[tuple[str, Usage]]:
    """Run the stages of a voice in an empty folder, on some cores or on all; yield each with what it took.

    Each is a process, whose start counts. What all voices share, and the recordings, are links to those of the project,
    and MLflow's runs are the project's. Raises VoicepackError if one fails.
    """
    root = Path.cwd()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy("params.yaml", folder)
    shared = [each for each in places.MODELS.iterdir() if each.name not in _OWN]
    for each in (*shared, places.code("train").parent, Path(load_voice(voice).data)):
        if not each.is_absolute():
            (folder / each).parent.mkdir(parents=True, exist_ok=True)
            (folder / each).symlink_to(each.resolve())
    environment = os.environ | {
        "PYTHONPATH": f"{root}:{os.environ.get('PYTHONPATH', '')}",
        "MLFLOW_TRACKING_URI": tracking_uri(),
    }

    bind = None if cores is None else functools.partial(os.sched_setaffinity, 0, cores)
    for stage in STAGES:
        command = [sys.executable, "-m", f"stages.{stage}", voice]
        usage = measure(command, cwd=folder, env=environment, preexec_fn=bind)
        print(f"{folder.name}: {stage} {usage.seconds:.1f} s", flush=True)  # all that is left of a bench broken off
        yield stage, usage
