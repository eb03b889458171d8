"""Of several rounds of the stages the bench gives medians and extremes, and of their memory the most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from studies import bench_stages
from studies.made_apart import STAGES
from voicepack.speed.process import Usage

ROUNDS = (1.0, 5.0, 2.0)  # how much slower the machine is in each


def test_stages_are_measured_in_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[str] = []

    def usage(seconds: float, gigabytes: float) -> Usage:
        slower = ROUNDS[sum(command.startswith("dvc") for command in commands) % len(ROUNDS)]
        return Usage(seconds * slower, gigabytes * slower, 1.5 * seconds * slower, "")

    def made_apart(voice: str, folder: Path) -> Iterator[tuple[str, Usage]]:
        assert (voice, folder.name) == ("ann", "ann")
        assert folder.parent.is_dir()
        assert not folder.exists()
        for number, stage in enumerate(STAGES, 1):
            yield stage, usage(10.0 * number, 0.1 * number)

    def measure(command: Sequence[str]) -> Usage:
        of_command = usage(4.0, 0.3)
        commands.append(" ".join(command))
        return of_command

    monkeypatch.setattr(bench_stages, "made_apart", made_apart)
    monkeypatch.setattr(bench_stages, "measure", measure)
    figures, table = bench_stages.stage_by_stage("ann")
    assert [figures[f"{stage}_s"] for stage in STAGES] == [20, 40, 60, 80, 100, 120]
    assert (figures["prepare_to_evaluate_s"], figures["noop_s"]) == (420, 8)
    assert (figures["peak_gb"], figures["train_gb"]) == pytest.approx((3.0, 1.5))
    assert commands.count("dvc repro evaluate@ann") == len(ROUNDS)
    assert sum(command.endswith("-m studies.longest_step") for command in commands) == len(ROUNDS)
    assert "| prepare | 20 (10–50) |" in table
    assert "| all | 420 (210–1050) |" in table
    assert "| 1.5 | 3.0 |" in next(line for line in table.splitlines() if line.startswith("| evaluate |"))
