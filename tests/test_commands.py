"""The commands of tools and studies: all explain themselves, and what a user can fix is one line of each."""

from __future__ import annotations

import argparse
import ast
import runpy
import sys
from pathlib import Path

import pytest
import torch
from imports import ROOT

from voicepack.errors import VoicepackError

COMMANDS = [
    f"{path.parent.name}.{path.stem}"
    for folder in ("tools", "studies")
    for path in sorted(Path(ROOT, folder).glob("*.py"))
    if "__main__" in path.read_text()
]


def run(command: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run a command in this process, which has imported what is heavy; return what it ends with."""
    monkeypatch.setattr(sys, "argv", [command, *arguments])
    monkeypatch.delitem(sys.modules, command, raising=False)  # else runpy warns that it runs it twice
    with pytest.raises(SystemExit) as end:
        runpy.run_module(command, run_name="__main__")
    return end.value.code


def test_all_commands_are_found() -> None:
    assert {"tools.show", "studies.bench_gpu", "studies.boundaries"} < set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_explains_itself(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, "--help", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: python -m {command} [-h]")
    source = Path(ROOT, command.replace(".", "/")).with_suffix(".py").read_text()
    assert str(ast.get_docstring(ast.parse(source))) in said


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_user_can_mend_is_one_line_of_the_command(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise VoicepackError("params.yaml: no such file.")

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", fail)
    assert run(command, monkeypatch=monkeypatch) == f"{command.split('.')[1]}: params.yaml: no such file."


def test_without_a_card_its_bench_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = run("studies.bench_gpu", monkeypatch=monkeypatch)
    assert said == "bench_gpu: PyTorch finds no CUDA GPU here. See docs/gpu.md."
