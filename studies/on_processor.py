"""How studies train that compare with what only the processor computes."""

from __future__ import annotations

from dataclasses import replace

from stages.settings import load_settings
from stages.train import TrainSettings


def training_on_processor() -> TrainSettings:
    """Return the settings of stage `train`, kept off a GPU: what a study compares with is on the processor."""
    return replace(load_settings("train", TrainSettings), device="cpu")
