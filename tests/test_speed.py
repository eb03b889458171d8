"""Measuring time, memory and what a computation needs."""

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import MODELS
from test_training import TRAINING
from torch import Tensor

from studies import bench_precision
from studies.bench_training import Run, speedups
from studies.parts import Part, measured, write_down
from voicepack.alignment import AlignedClip
from voicepack.constants import HALVES
from voicepack.errors import VoicepackError
from voicepack.kokoro import Kokoro
from voicepack.rows import base_vector
from voicepack.speaker_encoder import load_speaker_encoder
from voicepack.speed.gpu import watched_gpu
from voicepack.speed.operations import Rates, Roofline
from voicepack.speed.plain_loop import PlainLoop, PlainLosses
from voicepack.speed.process import measure
from voicepack.speed.step import StepBench, spoken_clip
from voicepack.speed.timing import Spread, interleaved, ratio
from voicepack.speed.unseen import Unseen
from voicepack.voice_losses import VoiceLosses


def test_works_take_turns_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []
    works = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b") or time.sleep(0.01)}
    seconds = interleaved(works, rounds=2)
    assert calls == ["a", "b"] * 3
    assert [len(each) for each in seconds.values()] == [2, 2]
    assert min(seconds["b"]) > 0.009


def test_a_gpu_is_watched_until_the_block_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '100, 2000'; echo '50, 1000'; echo '0, 0'; exec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    start = time.monotonic()
    with watched_gpu() as gpu:
        time.sleep(0.5)
    assert time.monotonic() - start < 10
    assert gpu.busy == pytest.approx(0.5)
    assert gpu.gigabytes == pytest.approx(2000 * 2**20 / 1e9)


def test_without_nvidia_smi_a_gpu_is_not_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VoicepackError, match="nvidia-smi is not there"), watched_gpu():
        pass


def test_a_part_of_a_bench_is_written_down_beside_the_others(tmp_path: Path) -> None:
    page, file = tmp_path / "page.md", tmp_path / "bench.json"
    page.write_text("Before\n<!-- b -->\nold\n<!-- end of b -->\nAfter\n")
    file.write_text('{"old_s": 1.0, "b_s": 2.0}')
    parts: dict[str, Part] = {"a": lambda voice: ({}, "A"), "b": lambda voice: ({"b_s": 3.0}, f"| of {voice} |")}
    for name, figures, table in measured(parts, ["b"], "demo"):
        write_down(name, figures, table, file, page)
    assert page.read_text() == "Before\n<!-- b -->\n| of demo |\n<!-- end of b -->\nAfter\n"
    assert json.loads(file.read_text()) == {"old_s": 1.0, "b_s": 3.0}
    assert [name for name, *_ in measured(parts, [], "demo")] == ["a", "b"]
    with pytest.raises(VoicepackError, match=r"no part .c.\. Known: a, b"):
        next(measured(parts, ["a", "c"], "demo"))


def test_ratios_are_round_by_round() -> None:
    """A machine that is ten times slower in one round changes no ratio."""
    assert ratio([4.0, 40.0, 4.0], [1.0, 10.0, 2.0]) == Spread(4.0, 2.0, 4.0)
    assert f"{Spread.of([1.0, 3.0, 2.0]):.1f}" == "2.0 (1.0–3.0)"


def test_a_speed_up_is_by_the_fewest_steps_that_are_as_good() -> None:
    plain = Run("plain loop", 80, 600.0, Unseen(mel_statistics=0.6, timbre=0.3, speaker=0.1, likeness=0.92))
    better = Unseen(mel_statistics=0.5, timbre=0.3, speaker=0.1, likeness=0.93)
    project = [Run("project", 80, 300.0, better), Run("project", 40, 150.0, better)]
    worse = Run("project", 20, 75.0, replace(better, timbre=0.31))
    assert speedups([plain, *project, worse]) == {"training_speedup": 2.0, "training_speedup_as_good": 4.0}
    assert speedups([plain, worse]) == {"training_speedup": 8.0, "training_speedup_as_good": 0.0}


def test_operations_and_bytes_of_a_product_and_its_gradient() -> None:
    a, b = torch.rand(64, 128, requires_grad=True), torch.rand(128, 32)
    with Roofline(Rates(operations=1e9, bytes=1e12)) as product:
        loss = a @ b
    assert product.operations == 2 * 64 * 128 * 32
    assert product.bytes == 4 * (64 * 128 + 128 * 32 + 64 * 32)
    assert product.seconds == pytest.approx(product.operations / 1e9)
    with Roofline(Rates(operations=1e9, bytes=1e3)) as backward:
        loss.sum().backward()
    assert backward.operations == 2 * 64 * 128 * 32  # b needs no gradient
    assert backward.seconds > backward.bytes / 2e3  # the slow memory decides


def test_views_move_nothing() -> None:
    with Roofline(Rates(1.0, 1.0)) as views:
        torch.rand(8, 8).T.reshape(8, 8)[2:].unsqueeze(0)
    assert views.bytes <= 2 * 8 * 8 * 4  # the random numbers, and the one copy that a reshape of a transpose needs


def test_memory_of_a_command_and_its_children() -> None:
    child = "import time; held = b'1' * 200_000_000; time.sleep(1.5)"
    parent = f"import subprocess, sys; held = b'1' * 100_000_000; subprocess.run([sys.executable, '-c', {child!r}])"
    usage = measure([sys.executable, "-c", parent])
    assert 0.3 < usage.gigabytes < 0.5
    assert 1.5 < usage.seconds < 20


def test_a_failing_command_is_named_with_its_last_words() -> None:
    with pytest.raises(VoicepackError, match=r"exit.* failed: no luck"):
        measure([sys.executable, "-c", "import sys; sys.exit('no luck')"])


@pytest.fixture(scope="module")
def compared(kokoro: Kokoro, stock_packs: dict[str, Tensor]) -> tuple[VoiceLosses, AlignedClip, Tensor, Tensor]:
    """What a stock voice says as if it were a recording, and the vectors of that voice and of another."""
    speaker, other = (base_vector(stock_packs[name]) for name in ("am_michael", "af_heart"))
    clip = spoken_clip(kokoro, "ðə kˈæt sˈæt bI ðə dˈɔɹ, ænd hi wˈɔʧt ðə ɹˈAn.", speaker[None])
    losses = VoiceLosses(kokoro, stock_packs, [clip.audio])
    return losses, clip, speaker, other


@pytest.mark.slow
def test_the_plain_loop_has_a_gradient_in_both_halves(
    compared: tuple[VoiceLosses, AlignedClip, Tensor, Tensor],
) -> None:
    losses, clip, speaker, other = compared
    plain = PlainLosses(losses, PlainLoop(MODELS / "kokoro", [clip.audio]))
    own = plain.of_step(speaker[None], [clip])
    voice = other[None].clone().requires_grad_()
    others = plain.of_step(voice, [clip])
    assert set(own) == {"mel", "mel_statistics", "timbre", "speaker", "prior"}
    for name in ("mel_statistics", "timbre", "speaker"):
        assert float(own[name]) < others[name].item(), name
    torch.stack(list(others.values())).sum().backward()
    assert voice.grad is not None
    assert all(0 < float(voice.grad[:, half].norm()) < float("inf") for half in HALVES)


@pytest.mark.slow
def test_a_step_lasts_as_long_as_its_parts_without_what_is_kept_from_step_to_step(
    kokoro: Kokoro, stock_packs: dict[str, Tensor]
) -> None:
    clip = spoken_clip(kokoro, "hˈElO ðɛɹ.", base_vector(stock_packs["am_michael"])[None])
    bench = StepBench(MODELS / "kokoro", stock_packs, [clip], TRAINING, torch.device("cpu"), torch.float32)
    times = bench.measure(Rates(operations=1e15, bytes=1e15), rounds=1)
    assert [len(each) for each in (times.step, times.encode, times.plain, *times.parts.values())] == [1] * 7
    assert all(each[0] > 0 for each in (times.encode, *times.parts.values()))
    assert times.step[0] == pytest.approx(sum(seconds[0] for seconds in times.parts.values()))
    assert 0 < times.fused_floor <= times.floor < times.step[0]


@pytest.mark.slow
def test_the_true_voice_is_nearest_to_a_recording_it_has_not_heard(
    compared: tuple[VoiceLosses, AlignedClip, Tensor, Tensor],
) -> None:
    losses, clip, speaker, other = compared
    judge = load_speaker_encoder("resemblyzer")
    reference = judge.embed(clip.audio)
    own, others = (Unseen.of(losses, voice, [clip], judge, reference) for voice in (speaker, other))
    assert own.likeness > others.likeness
    for name in ("mel_statistics", "timbre", "speaker"):
        assert getattr(own, name) < getattr(others, name), name


@pytest.mark.slow
def test_what_bfloat16_changes_is_least_where_the_last_layer_stays_in_float32(
    compared: tuple[VoiceLosses, AlignedClip, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_precision, "aligned_clips", lambda *_: [compared[1]])
    _, table = bench_precision.precision("any")
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines()[2:]]
    all_of_it, but_the_last, another_seed = ([float(cell) for cell in cells] for _, *cells in rows)
    for differences in (all_of_it, another_seed):
        assert all(less < more for less, more in zip(but_the_last[:3], differences[:3], strict=True))
    assert all_of_it[-1] < but_the_last[-1] <= 1
