"""Where speech begins and ends, and how long its pauses are, in quiet rooms and in others."""

import pytest
import torch
from recordings import babble
from torch import Tensor

from voicepack.audio import speech_level
from voicepack.silence import trim_silence, without_long_pauses


def noise(seconds: float, level_db: float) -> Tensor:
    samples = torch.randn(round(24_000 * seconds), generator=torch.Generator().manual_seed(3))
    return 0.1 * 10 ** (level_db / 20) * samples


def test_silence_is_trimmed_and_speech_is_not() -> None:
    speech = babble(2)
    hiss = 1e-5 * torch.randn(24_000, generator=torch.Generator().manual_seed(1))
    trimmed = trim_silence(torch.cat([hiss, speech, hiss]))
    # The margin is 50 ms on each side; frames of 50 ms tell where speech begins; the babble ends in a quiet 125 ms.
    assert len(speech) - 0.125 * 24_000 <= len(trimmed) <= len(speech) + 0.2 * 24_000
    loud = torch.nonzero(trimmed.abs() > 0.3 * speech.abs().max())[:, 0]
    expected = int((speech.abs() > 0.3 * speech.abs().max()).sum())
    assert len(loud) == expected


@pytest.mark.parametrize("seconds", [1, 15, 29])
def test_speech_is_found_however_long_the_silence_around_it(seconds: float) -> None:
    speech = babble(1.2)
    room = 1e-4 * torch.randn(round(seconds * 24_000), generator=torch.Generator().manual_seed(1))
    recording = torch.cat([room, speech, room])
    assert len(speech) - 0.125 * 24_000 <= len(trim_silence(recording)) <= len(speech) + 0.2 * 24_000
    assert speech_level(recording) == pytest.approx(speech_level(speech), abs=0.5)


@pytest.mark.parametrize("before", [True, False])
def test_a_key_that_stops_the_recorder_is_no_speech(before: bool) -> None:
    speech, silence = babble(2), torch.zeros(24_000)
    key = 0.2 * torch.randn(240, generator=torch.Generator().manual_seed(1))
    parts = [silence, key, silence, speech, silence] if before else [silence, speech, silence, key, silence]
    assert len(trim_silence(torch.cat(parts))) == len(trim_silence(torch.cat([silence, speech, silence])))
    short = silence[:4800]
    assert 240 < len(trim_silence(torch.cat([short, key, short]))) < 6000  # where there is nothing else, it stays


def test_a_word_apart_from_the_others_is_speech() -> None:
    speech, silence, word = babble(2), torch.zeros(24_000), babble(0.25)
    assert len(trim_silence(torch.cat([speech, silence, word]))) > 3 * 24_000


def test_a_click_does_not_make_speech_silent() -> None:
    speech = 0.01 * babble(2)
    speech[100] = 1.0
    assert len(trim_silence(speech)) > 1.8 * 24_000


def test_quiet_sounds_at_the_ends_are_speech_and_50_ms_around_them_stay() -> None:
    room, quiet, loud = noise(1.0, -60), noise(0.3, -25), noise(1.0, 0)
    trimmed = trim_silence(torch.cat([room, quiet, loud, quiet, room]))
    assert len(trimmed) / 24_000 == pytest.approx(1.6 + 2 * (0.05 + 0.025), abs=0.03)  # half a frame hears them early


@pytest.mark.parametrize("decibels", [35, 30, 25, 20])
def test_a_noisy_room_around_speech_is_cut_off_too(decibels: float) -> None:
    """Nothing in such a recording is quiet, and what is not cut off counts as speech: the voice would be slow."""
    speech, silence = babble(3), torch.zeros(24_000)
    recording = torch.cat([silence, speech, silence])
    room = noise(len(recording) / 24_000, speech_level(speech) + 20 - decibels)
    assert len(trim_silence(recording + room)) == pytest.approx(len(trim_silence(recording)), abs=0.1 * 24_000)


def test_speech_without_any_pause_stays_whole() -> None:
    """Its quietest moments are not the room."""
    speech = noise(2.0, 0) * torch.linspace(1, 0.3, 48_000)
    assert len(trim_silence(speech)) == len(speech)


@pytest.mark.parametrize("room", [-70, -30])
def test_a_long_pause_is_shortened_and_what_is_said_stays(room: float) -> None:
    words = noise(1.0, 0), noise(2.0, -3), noise(0.5, 0)
    pauses = noise(3.0, room), noise(0.8, room)
    found = without_long_pauses(torch.cat([words[0], pauses[0], words[1], pauses[1], words[2]]))
    assert len(found) / 24_000 == pytest.approx(1 + 1.25 + 2 + 0.8 + 0.5, abs=0.06)
    assert torch.equal(found[:24_000], words[0])
    assert torch.equal(found[-12_000:], words[2])


@pytest.mark.parametrize("samples", [0, 10, 5000])
def test_scraps_have_no_pauses(samples: int) -> None:
    assert len(without_long_pauses(torch.zeros(samples))) == samples
