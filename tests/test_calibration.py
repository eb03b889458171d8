"""A voice brought to the pitch and tempo of its speaker: heard by what it says, moved as little as possible."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import MODELS
from recordings import clip_of
from test_comparison import voice
from test_training import PHONEMES
from torch import Tensor
from torch.nn.functional import pad
from torchaudio.functional import resample

from voicepack import calibration
from voicepack.calibration import LARGEST_OFFSET, Offsets, calibrate, hear_offsets, smallest_shift
from voicepack.clips import Clip
from voicepack.constants import DECODER, PREDICTOR
from voicepack.kokoro import Kokoro
from voicepack.pitch import f0_curves
from voicepack.rows import RowCurve, base_vector
from voicepack.voices import VoiceSpace


@pytest.fixture
def rows(stock_packs: dict[str, Tensor]) -> RowCurve:
    return RowCurve.fit(stock_packs.values())


@pytest.fixture
def space(stock_packs: dict[str, Tensor]) -> VoiceSpace:
    return VoiceSpace.fit(stock_packs)


@pytest.fixture
def speaker(stock_packs: dict[str, Tensor]) -> Tensor:
    return base_vector(stock_packs["af_sarah"])


@pytest.fixture
def clips(kokoro: Kokoro, rows: RowCurve, speaker: Tensor, tmp_path: Path) -> list[Clip]:
    """Recordings of a speaker whose voice is `speaker`."""
    pack = rows.expand(speaker)
    return [
        clip_of(kokoro.render(phonemes, pack, seed=number + 7), tmp_path / f"{number}.wav", phonemes)
        for number, phonemes in enumerate(PHONEMES)
    ]


@pytest.mark.slow
def test_a_voice_that_is_too_low_is_brought_to_the_speaker_by_a_small_shift(
    kokoro: Kokoro,
    rows: RowCurve,
    space: VoiceSpace,
    speaker: Tensor,
    stock_packs: dict[str, Tensor],
    clips: list[Clip],
) -> None:
    lower = base_vector(stock_packs["bm_lewis"])
    voice = speaker.clone()
    voice[PREDICTOR] += 0.2 * (lower - speaker)[PREDICTOR]
    calibrated, (before, halfway) = calibrate(kokoro, clips, voice, rows.expand, space)
    after = hear_offsets(kokoro, clips, f0_curves(clip.audio for clip in clips), rows.expand(calibrated))
    assert before.pitch < -0.05
    assert abs(halfway.pitch) < 0.4 * abs(before.pitch)
    assert abs(after.pitch) < 0.015
    assert abs(after.rate) < 0.02
    assert torch.equal(calibrated[DECODER], voice[DECODER])
    whitened = space.whitened(torch.stack([voice, calibrated]))
    assert float((whitened[1] - whitened[0]).norm()) < 1  # standard deviation, over all directions together


@pytest.mark.slow
def test_the_speakers_own_voice_is_left_as_it_is(
    kokoro: Kokoro, rows: RowCurve, speaker: Tensor, clips: list[Clip]
) -> None:
    heard = hear_offsets(kokoro, clips, f0_curves(clip.audio for clip in clips), rows.expand(speaker))
    assert abs(heard.pitch) < 0.01
    assert abs(heard.rate) < 0.01


@pytest.mark.slow
def test_a_decoder_in_bfloat16_is_heard_at_the_same_pitch_and_tempo(
    kokoro: Kokoro, rows: RowCurve, speaker: Tensor, clips: list[Clip]
) -> None:
    coarse = Kokoro(MODELS / "kokoro", precision=torch.bfloat16)
    recorded, pack = f0_curves(clip.audio for clip in clips), rows.expand(speaker)
    exact, close = (hear_offsets(each, clips, recorded, pack) for each in (kokoro, coarse))
    assert close != exact
    assert abs(close.pitch - exact.pitch) < 0.015  # of three clips; another seed is as far off
    assert abs(close.rate - exact.rate) < 0.01


@pytest.mark.slow
def test_recordings_without_voice_say_nothing_about_pitch(
    kokoro: Kokoro, rows: RowCurve, speaker: Tensor, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "f0_curves", lambda every: [torch.zeros(len(audio) // 300) for audio in every])
    assert hear_offsets(kokoro, clips[:1], [torch.zeros(len(clips[0].audio) // 300)], rows.expand(speaker)).pitch == 0


def test_a_voice_is_heard_too_high_and_too_fast_by_what_it_says_and_not_by_the_silence_around(tmp_path: Path) -> None:
    recordings = [pad(voice(seconds), (1_200, 1_200)) for seconds in (2.0, 1.6)]  # with the margin that trimming leaves
    clips = [clip_of(audio, tmp_path / f"{number}.wav", str(number)) for number, audio in enumerate(recordings)]
    # Played a tenth faster it is a tenth higher; a render has half a second of silence that recordings are rid of.
    renders = {clip.phonemes: pad(resample(clip.audio, 11, 10), (6_000, 6_000)) for clip in clips}
    kokoro = SimpleNamespace(render=lambda phonemes, _: renders[phonemes])
    heard = hear_offsets(kokoro, clips, f0_curves(recordings), torch.zeros(510, 1, 256))  # type: ignore[arg-type]
    assert heard.pitch == pytest.approx(0.095, abs=0.01)
    assert heard.rate == pytest.approx(0.095, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["pitch", "rate"])
def test_what_a_lost_tracker_says_moves_a_voice_no_further_than_the_limit(
    kokoro: Kokoro, rows: RowCurve, space: VoiceSpace, speaker: Tensor, clips: list[Clip], what: str
) -> None:
    lost, limit = (
        smallest_shift(
            kokoro, clips[:1], speaker, rows.expand, space, Offsets(**{"pitch": 0.0, "rate": 0.0, what: off})
        )
        for off in (3.0, LARGEST_OFFSET)
    )
    assert torch.equal(lost, limit)
    assert float(limit.norm()) > 0
