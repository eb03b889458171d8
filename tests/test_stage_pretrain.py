"""The projection is fitted without the voices that judge it; the rest of the stage is in test_projection.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
import yaml
from conftest import TRACKING

from stages import places, pretrain
from voicepack.files import read_tensors, write_tensors
from voicepack.voices import HELD_OUT


def test_the_projection_is_fitted_without_the_voices_that_judge_it(
    unrecorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are NaN here, which would show in whatever they touch."""
    fit = {"hidden": 8, "dropout": 0.0, "epochs": 1, "batch": 8, "lr": 1e-3, "weight_decay": 0.0, "seed": 0}
    Path("params.yaml").write_text(yaml.safe_dump({"pretrain": fit, "tracking": TRACKING}))
    monkeypatch.setattr(sys, "argv", ["pretrain"])
    monkeypatch.setattr(pretrain, "write_json", lambda *_: None)
    names = ["ann", *HELD_OUT, "ben"]
    drawn, stock = torch.randn(20, 256), torch.randn(len(names), 256)
    stock[1:-1] = torch.nan
    pairs = {"drawn_styles": drawn, "drawn_voices": drawn, "stock_styles": stock, "stock_voices": stock}
    write_tensors(places.PAIRS, pairs, {"stock": " ".join(names)})
    pretrain.main()
    assert all(each.isfinite().all() for each in read_tensors(places.PRIOR)[0].values())
