"""What every stage does around its work: settings, an MLflow run, one-line errors."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic

from stages.settings import Settings, flatten, load_settings
from stages.tracking import Run, open_run
from voicepack.errors import VoicepackError


@dataclass
class Stage(Generic[Settings]):
    """A stage at work: its settings, its MLflow run and, for a stage per voice, the voice's name."""

    name: str
    settings: Settings
    run: Run
    voice: str


@contextmanager
def running(name: str, settings_type: type[Settings]) -> Iterator[Stage[Settings]]:
    """Run a stage: read section `name` of params.yaml, open an MLflow run, turn VoicepackError into one line.

    The voice, if the stage is run once per voice, is the one argument on the command line.
    """
    voice = sys.argv[1] if len(sys.argv) > 1 else ""
    with one_line_errors(name):
        settings = load_settings(name, settings_type)
        with open_run(f"{name}@{voice}" if voice else name) as run:
            run.log_parameters(flatten(settings, name))
            start = time.monotonic()
            yield Stage(name, settings, run, voice)
            run.log_metrics({"stage_seconds": time.monotonic() - start})


@contextmanager
def one_line_errors(name: str) -> Iterator[None]:
    """Run a stage, or a command beside the graph: turn VoicepackError into one line, `NAME: …`, and exit code 1.

    Warnings that nobody can fix are not shown, and the hub is left alone.
    """
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", message=".*weight_norm.*|.*dropout option adds dropout.*|.*num_layers.*")
    warnings.filterwarnings("ignore", message="Grad strides do not match")  # costs nothing in layers so small
    # Without this, every file a library looks for on the hub costs half a minute of retries when there is none.
    # Who is told to use the hub asks for it by itself.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        yield
    except VoicepackError as error:
        sys.exit(f"{name}: {error}")
