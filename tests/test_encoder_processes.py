"""Training in two processes, started by Accelerate's launcher, against training in one."""

import os
import subprocess
import sys
from collections.abc import Mapping
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

# Each of the 12 steps moves a weight by up to 1e-3. A weight whose gradient is all rounding, such as a bias before a
# normalisation, may go either way under Adam, which scales it up; the weights on the whole may not.
ANY_WEIGHT, MEAN_OVER_WEIGHTS = 2e-3, 1e-5


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


def assert_trained_alike(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    differences = torch.cat([(found[name] - expected[name]).abs().flatten() for name in expected])
    assert float(differences.mean()) < MEAN_OVER_WEIGHTS
    assert float(differences.max()) < ANY_WEIGHT


@pytest.mark.parametrize("name", ["new", "resumed"])
def test_two_processes_train_what_one_does(folder: Path, tmp_path: Path, name: str) -> None:
    reports: Reports = []
    one = train(tmp_path / "resume.pt", reports, SETTINGS).state_dict()
    main, other = load(folder, f"{name}_0.pt"), load(folder, f"{name}_1.pt")
    assert_trained_alike(main["weights"], dict(one))
    torch.testing.assert_close(other["weights"], main["weights"], rtol=0, atol=0)
    checkpoint, expected = load(folder, f"{name}_0/resume.pt"), load(tmp_path, "resume.pt")
    assert_trained_alike(checkpoint["model"], expected["model"])
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
