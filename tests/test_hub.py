"""What is fetched over the network, when there is none: one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from imports import ROOT

from voicepack.errors import VoicepackError
from voicepack.weights import VOICES_PACKAGE, _npm_pack

FETCH = """
import sys
from voicepack.errors import VoicepackError
from voicepack.hub import fetch
try:
    fetch("nobody/nothing", sys.argv[1], ["*.pt"], setting="weights.source", otherwise="bundled")
except VoicepackError as error:
    print(error)
"""


@pytest.mark.parametrize("offline", ["0", "1"], ids=["by itself", "in a stage"])
@pytest.mark.parametrize("revision", ["main", "a" * 40])
def test_a_hub_that_is_away_is_one_line(tmp_path: Path, revision: str, offline: str) -> None:
    """In a process of its own: which hub it is, and where copies lie, is read at the first import."""
    environment = os.environ | {
        "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": offline,
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    finished = subprocess.run(
        [sys.executable, "-c", FETCH, revision], env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith(f"nobody/nothing at {revision[:12]} could not be fetched (")
    assert "Connection refused). Check the network, or set weights.source in params.yaml to 'bundled'." in (
        finished.stdout
    )
    assert finished.stdout.count("\n") == 1


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script that is found as npm, before any other."""
    file = tmp_path / "bin" / "npm"
    file.parent.mkdir()
    file.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{file.parent}:{os.environ['PATH']}")
    return file


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 0", "no output"),
        ("echo first >&2; echo 'no such package' >&2; exit 1", "no such package"),
        (f"touch {VOICES_PACKAGE}; echo broken off >&2; exit 1", "broken off"),
    ],
    ids=["says nothing", "refuses", "breaks off"],
)
def test_npm_that_brings_nothing_is_one_line(npm: Path, tmp_path: Path, script: str, reason: str) -> None:
    npm.write_text(f"#!/bin/sh\n{script}\n")
    with pytest.raises(VoicepackError) as caught:
        _npm_pack(tmp_path)
    assert str(caught.value) == f"`npm pack kokoro-js@1.2.1` failed ({reason}). Check the network and run again."


def test_npm_is_asked_for_the_package_alone(npm: Path, tmp_path: Path) -> None:
    npm.write_text(f'#!/bin/sh\necho "$@" > {VOICES_PACKAGE}\n')
    archive = _npm_pack(tmp_path)
    assert archive == tmp_path / VOICES_PACKAGE
    assert archive.read_text() == "pack --silent kokoro-js@1.2.1\n"
