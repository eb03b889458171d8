"""Training in two processes, started by Accelerate's launcher, against training in one."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from encoder_in_processes import SETTINGS
from imports import ROOT
from test_encoder_training import BrokenOffError, Reports, train
from torch import Tensor

from voicepack import encoder_training
from voicepack.errors import VoicepackError

# Weights differ by rounding, which Adam scales up where a gradient is nothing else: by this share, on average, of what
# half of the clips would make of them.
ROUNDING = 0.1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes leave behind who train anew, and on from step 6 of a broken run."""
    folder = tmp_path_factory.mktemp("processes")
    with pytest.raises(BrokenOffError):
        train(folder / "resumed_0" / "resume.pt", [], SETTINGS, break_at=12)
    launch = [Path(sys.executable).parent / "accelerate", "launch", "--multi_gpu", "--num_processes", "2"]
    defaults = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    environment = os.environ | {"ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    finished = subprocess.run(
        [*launch, *defaults, ROOT / "tests" / "encoder_in_processes.py", folder],
        env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return folder


def load(folder: Path, name: str) -> Any:
    return torch.load(folder / name, weights_only=True)


def difference(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    """Return the mean absolute difference of weights."""
    assert found.keys() == expected.keys()
    return float(torch.cat([(found[name] - expected[name]).abs().flatten() for name in expected]).mean())


@pytest.fixture(scope="module")
def by_half_of_the_clips(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Tensor]:
    """What each of two processes would come to that do not share their gradients."""
    settings = replace(SETTINGS, batch=SETTINGS.batch // 2)
    return train(tmp_path_factory.mktemp("half") / "resume.pt", [], settings).state_dict()


@pytest.mark.parametrize("name", ["new", "resumed"])
def test_two_processes_train_what_one_does(
    folder: Path, tmp_path: Path, by_half_of_the_clips: Mapping[str, Tensor], name: str
) -> None:
    reports: Reports = []
    one = train(tmp_path / "resume.pt", reports, SETTINGS).state_dict()
    main, other = load(folder, f"{name}_0.pt"), load(folder, f"{name}_1.pt")
    allowed = ROUNDING * difference(by_half_of_the_clips, one)
    assert difference(main["weights"], one) < allowed
    torch.testing.assert_close(other["weights"], main["weights"], rtol=0, atol=0)
    checkpoint, expected = load(folder, f"{name}_0/resume.pt"), load(tmp_path, "resume.pt")
    assert difference(checkpoint["model"], expected["model"]) < allowed
    assert checkpoint["step"] == expected["step"]
    assert checkpoint["schedule"]["_last_lr"] == expected["schedule"]["_last_lr"]
    steps = len(main["reports"])
    for (step, values), (expected_step, expected_values) in zip(main["reports"], reports[-steps:], strict=True):
        assert step == expected_step
        assert values == pytest.approx(expected_values, abs=1e-3)


@pytest.mark.parametrize("name", ["new", "resumed"])
def test_the_main_process_alone_reports_and_writes(folder: Path, name: str) -> None:
    assert [step for step, _ in load(folder, f"{name}_0.pt")["reports"]] == ([6, 12] if name == "new" else [12])
    assert load(folder, f"{name}_1.pt")["reports"] == []
    assert (folder / f"{name}_0" / "resume.pt").exists()
    assert not (folder / f"{name}_1").exists()


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_training, "processes", lambda: SimpleNamespace(num_processes=3))
    with pytest.raises(VoicepackError, match="4 clips cannot be shared equally by 3 processes"):
        train(tmp_path / "resume.pt", [], SETTINGS)
