"""What is written of the code behind a stage changes with the files that shape its result, and with no others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from imports import ROOT

from stages.code import STAGES, code_behind

CARRIERS = yaml.safe_load((ROOT / "params.yaml").read_text())["code"]["carriers"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("stages", "voicepack"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("voicepack/training.py", {"train"}),
        ("voicepack/pack.py", {"weights", "expand", "evaluate"}),
        ("stages/hearing.py", {"reference", "baselines", "evaluate"}),
        ("voicepack/__init__.py", set(STAGES)),  # which makes sums come out in one order
        ("voicepack/files.py", set()),
    ],
)
def test_a_changed_file_changes_the_stages_that_it_shapes(copy: Path, file: str, stages: set[str]) -> None:
    before = {name: code_behind(name, CARRIERS, copy) for name in STAGES}
    with (copy / file).open("a") as changed:
        changed.write("# changed\n")
    assert {name for name in STAGES if code_behind(name, CARRIERS, copy) != before[name]} == stages


def test_it_is_as_md5sum_writes_it(tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/card.py").write_text("import os\n")
    assert code_behind("card", [], tmp_path) == "aa83a57c6423c7db6044b393144f38a8  stages/card.py\n"
