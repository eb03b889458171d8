"""The mean change over voices; the changes of one are compared in tests/test_pipeline.py, on a project that is made."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from tools.compare import mean_line, table
from voicepack.errors import VoicepackError


def found(monkeypatch: pytest.MonkeyPatch, difference: dict[str, Any]) -> None:
    """Let DVC find this difference between two revisions."""
    repository = SimpleNamespace(metrics=SimpleNamespace(diff=lambda **options: difference))
    monkeypatch.setattr("tools.compare.Repo", lambda: nullcontext(repository))


def test_the_mean_change_over_voices_has_the_interval_of_students_t() -> None:
    line = mean_line("likeness", [(0.0, 0.1), (0.0, 0.2), (0.3, 0.6)])
    assert line.split() == ["3", "voices", "likeness", "0.100", "0.300", "+0.200", "±", "0.248"]  # 4.303 * 0.1 / √3


def test_the_summary_which_knows_no_noise_is_left_to_the_means(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {"likeness": {"old": 0.5, "new": 0.6}, "likeness_noise": {"old": 0.2, "new": 0.2}}
    files = {f"metrics/{name}.json": changed for name in ("ann", "ben")}
    found(monkeypatch, {"diff": files | {"metrics/summary.json": {"likeness": {"old": 0.5, "new": 0.6}}}})
    assert [line.split()[0] for line in table("HEAD").splitlines()] == ["voice", "ann", "ben", "2"]
    assert [line.split()[-1] for line in table("HEAD").splitlines()[1:3]] == ["none", "none"]


def test_metrics_that_cannot_be_read_are_not_left_out_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, {"diff": {}, "errors": {"workspace": {"metrics/ann.json": ValueError()}}})
    with pytest.raises(VoicepackError, match=r"^metrics/ann\.json: not valid JSON"):
        table("HEAD")


def test_a_change_is_shown_where_it_exceeds_the_noise_of_one_evaluation_from_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {"likeness": {"old": 0.5, "new": 0.6}, "wer": {"old": 0.10, "new": 0.05}}
    noise = {f"{name}_noise": {"old": 0.08, "new": 0.08} for name in values}
    found(monkeypatch, {"diff": {"metrics/ann.json": values | noise}})
    rows = [line.split() for line in table("HEAD").splitlines()[1:]]
    assert rows == [["ann", "likeness", "0.500", "0.600", "+0.100"], ["ann", "wer", "0.100", "0.050", "none"]]
