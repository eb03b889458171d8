"""What stage `train` starts from, and goes on from; the rest of the stage is in test_pipeline.py."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from conftest import TRACKING
from imports import ROOT

from stages import places, train
from voicepack.files import write_tensors


def checkpoints_of(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return where stage `train` would look for checkpoints to go on from."""
    kokoro = SimpleNamespace(device=torch.device("cpu"), precision=torch.float32)
    material = SimpleNamespace(losses=SimpleNamespace(kokoro=kokoro), clips=[], style=None, projection=None, start=None)
    found: list[str] = []

    def stop(*arguments: object) -> None:
        found.append(str(arguments[-1]))
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "read_material", lambda *_: material)
    monkeypatch.setattr(train, "train_voice", stop)
    monkeypatch.setattr(sys, "argv", ["train", "me"])
    with pytest.raises(KeyboardInterrupt):
        train.main()
    return found[0]


def test_stock_voices_come_in_the_order_in_which_they_sound_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    styles = torch.tensor([[0.0], [9.0], [5.0], [5.5], [1.0], [7.0]]).expand(6, 256)
    write_tensors(places.PAIRS, {"stock_styles": styles}, {"stock": "ann ann ben ben cid cid"})
    assert train.stock_by_style(torch.full((256,), 5.4)) == ["ben", "cid", "ann"]


def test_a_training_that_was_cut_off_goes_on_only_if_nothing_has_changed(
    unrecorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    Path("params.yaml").write_text(yaml.safe_dump({"train": params["train"], "tracking": TRACKING}))
    files = (places.clips("me") / "clips.tsv", places.styles("me"), places.PRIOR, places.STOCK_VOICES,
             places.KOKORO / "model.safetensors", places.code("train"))  # fmt: skip
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("before")
    before = checkpoints_of(monkeypatch)
    assert checkpoints_of(monkeypatch) == before
    places_seen = {before}
    for file in files:
        file.write_text("after")
        places_seen.add(checkpoints_of(monkeypatch))
    params["train"]["lr"] = 0.1
    Path("params.yaml").write_text(yaml.safe_dump({"train": params["train"], "tracking": TRACKING}))
    places_seen.add(checkpoints_of(monkeypatch))
    assert len(places_seen) == 1 + len(files) + 1
