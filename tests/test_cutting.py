"""Long recordings are cut at their pauses, in bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from imports import ROOT, TESTS
from recordings import babble
from torch import Tensor

from voicepack.audio import write_audio
from voicepack.cutting import FRAMES_PER_SECOND, cut, pieces, write_piece
from voicepack.errors import VoicepackError

SPEECH, ROOM = -20.0, -70.0


def levels_of(*stretches: tuple[float, float]) -> np.ndarray:
    """Return levels in dB of stretches, each of so many seconds at one level."""
    return np.concatenate([np.full(round(seconds * FRAMES_PER_SECOND), level) for seconds, level in stretches])


def seconds_of(levels: np.ndarray) -> list[tuple[float, float]]:
    return [(start / FRAMES_PER_SECOND, stop / FRAMES_PER_SECOND) for start, stop in cut(levels)]


def test_what_is_longer_than_15_s_is_cut_at_its_longest_pause() -> None:
    found = seconds_of(levels_of((6, SPEECH), (0.2, ROOM), (5, SPEECH), (0.4, ROOM), (9, SPEECH)))
    assert found == [(0, 11.4), (11.4, 20.6)]


def test_a_silence_is_cut_out_and_half_a_second_of_it_stays() -> None:
    found = seconds_of(levels_of((3, ROOM), (4, SPEECH), (2, ROOM), (5, SPEECH), (60, ROOM)))
    assert found == [(2.75, 7.25), (8.75, 14.25)]


def test_speech_without_a_pause_stays_whole_up_to_25_s() -> None:
    assert seconds_of(levels_of((24, SPEECH), (2, ROOM), (3, SPEECH))) == [(0, 24.25), (25.75, 29)]


def test_what_has_no_pause_in_25_s_is_cut_where_it_is_quietest() -> None:
    assert seconds_of(levels_of((18, SPEECH), (0.05, SPEECH - 10), (14, SPEECH))) == [(0, 18), (18, 32.05)]


def test_no_short_end_is_cut_off() -> None:
    assert seconds_of(levels_of((15, SPEECH), (0.9, ROOM), (1, SPEECH))) == [(0, 16.9)]


@pytest.mark.parametrize("room", [-40.0, -100.0])
def test_noise_and_digital_silence_are_pauses_alike(room: float) -> None:
    assert len(seconds_of(levels_of((9, SPEECH), (0.5, room), (9, SPEECH)))) == 2


def test_an_offset_of_the_recorder_hides_no_pause(tmp_path: Path) -> None:
    silence = torch.zeros(36_000)
    recording = torch.cat([silence, babble(3), silence, babble(4), silence])
    for name, offset in (("a.wav", 0.0), ("b.wav", 0.05)):
        write_audio(tmp_path / name, recording + offset)
    assert pieces(tmp_path / "b.wav") == pieces(tmp_path / "a.wav")
    assert len(pieces(tmp_path / "b.wav")) == 2


def test_an_odd_rate_is_refused_before_anything_is_cut(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "odd.wav", babble(1).numpy(), 22_051)
    with pytest.raises(VoicepackError, match=r"odd\.wav: odd sampling rate, 22051 Hz"):
        pieces(tmp_path / "odd.wav")


def test_where_nothing_can_be_written_the_recording_is_not_blamed(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", babble(1))
    with pytest.raises(VoicepackError, match=r"missing/piece\.wav: cannot be written"):
        write_piece(tmp_path / "a.wav", 0, 0.5, tmp_path / "missing/piece.wav")


def test_nothing_is_no_piece() -> None:
    assert cut(levels_of((5, -100.0))) == []
    assert cut(np.zeros(0, np.float32)) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 20), st.floats(0.1, 3)), min_size=1, max_size=20))
def test_pieces_are_in_order_and_no_speech_is_lost(stretches: list[tuple[float, float]]) -> None:
    levels = levels_of(*(pair for speech, pause in stretches for pair in ((speech, SPEECH), (pause, ROOM))))
    found = cut(levels)
    kept = np.zeros(len(levels), int)
    for start, stop in found:
        kept[start:stop] += 1
    assert kept.max() == 1
    assert kept[levels == SPEECH].all()
    assert found == sorted(found)
    assert max(stop - start for start, stop in found) <= 25.5 * FRAMES_PER_SECOND


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
def test_times_hold_at_every_rate_to_the_end_of_a_long_file(tmp_path: Path, rate: int) -> None:
    spoken = babble(4.0, rate=rate)
    silence = torch.zeros(round(300 * rate))
    soundfile.write(tmp_path / "a.wav", torch.cat([spoken, silence, spoken]).numpy(), rate)
    (_, first), (second, end) = pieces(tmp_path / "a.wav")
    assert first == pytest.approx(4.25, abs=0.3)  # babble ends between two syllables
    assert second == pytest.approx(303.75, abs=0.3)
    assert end == pytest.approx(308, abs=0.3)


def test_a_piece_keeps_rate_channels_and_samples(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (44_100, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 44_100, subtype="FLOAT")
    write_piece(tmp_path / "a.wav", 0.25, 0.75, tmp_path / "b.wav")
    piece, rate = soundfile.read(tmp_path / "b.wav", dtype="float32")
    assert rate == 44_100
    np.testing.assert_allclose(piece, samples[11_025:33_075], atol=1e-6)


def test_what_is_no_recording_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no sound")
    for name, said in (("a.txt", "not an audio file"), ("b.wav", "no such file")):
        with pytest.raises(VoicepackError, match=said):
            pieces(tmp_path / name)


_MEMORY = """
import sys
from pathlib import Path
from memory import peak
from voicepack.cutting import pieces
for name in sys.argv[1:]:
    print(len(pieces(Path(name))), peak())
"""


def test_an_hour_takes_no_more_memory_than_two_minutes(tmp_path: Path) -> None:
    """Of an hour, 345 MB would be kept. In pieces of a minute nothing more was seen than for two minutes."""
    sentence = torch.cat([babble(8.0), torch.zeros(12_000)])
    for name, count in (("minutes.wav", 14), ("hour.wav", 424)):
        _write_repeated(tmp_path / name, sentence, count)
    command = [sys.executable, "-c", _MEMORY, tmp_path / "minutes.wav", tmp_path / "hour.wav"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{TESTS}"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    few, before, many, after = map(float, said)
    assert (few, many) == (14, 424)
    assert after - before < 30  # MB


def _write_repeated(path: Path, audio: Tensor, count: int) -> None:
    write_audio(path, audio)
    block = soundfile.read(path, dtype="int16")[0]
    with soundfile.SoundFile(path, "w", 24_000, 1, "PCM_16") as file:
        for _ in range(count):
            file.write(block)
