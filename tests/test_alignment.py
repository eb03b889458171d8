"""Which part of a recording speaks which phoneme."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import clip_of
from test_comparison import voice
from torch import Tensor

from studies.boundaries import boundary_errors, spoken
from voicepack.alignment import align, voiced_pairs, warp_durations, warping_path
from voicepack.constants import FRAME_SAMPLES
from voicepack.kokoro import EncodedText, Kokoro, Prosody
from voicepack.pitch import ENERGY_OFFSET, energy_curve, f0_curve

HOP = 300


def diagonal(hops: int) -> Tensor:
    return torch.arange(hops)[:, None].expand(-1, 2)


def sounds(hops: list[int]) -> Tensor:
    """Return one sound after the other, each its own chord of ten partials and as long as asked."""
    generator = torch.Generator().manual_seed(2)
    parts = []
    for length in hops:
        pitches = 200 + 7_000 * torch.rand(10, 1, generator=generator)
        time = torch.arange(length * HOP) / 24_000
        parts.append(0.05 * torch.sin(2 * torch.pi * pitches * time).sum(0))
    return torch.cat(parts)


def test_a_clip_follows_itself_on_the_diagonal() -> None:
    audio = sounds([12, 20, 8, 15])
    path = warping_path(audio, audio)
    assert torch.equal(path, diagonal(len(audio) // HOP))


def test_the_path_runs_from_start_to_end_in_single_steps() -> None:
    first, second = sounds([12, 20, 8, 15]), sounds([20, 12, 10, 30])
    path = warping_path(first, second)
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [len(first) // HOP - 1, len(second) // HOP - 1]
    steps = path.diff(dim=0)
    assert set(map(tuple, steps.tolist())) <= {(1, 1), (0, 1), (1, 0)}


@pytest.mark.parametrize(
    ("first", "second"),
    [([16, 16, 16, 16, 16], [24, 24, 24, 24, 24]), ([10, 24, 14, 30, 12, 20], [20, 12, 28, 22, 12, 34])],
)
def test_the_path_of_a_stretched_clip_follows_the_stretch(first: list[int], second: list[int]) -> None:
    path = warping_path(sounds(first), sounds(second))
    boundaries, wanted = torch.tensor(first).cumsum(0)[:-1], torch.tensor(second).cumsum(0)[:-1]
    found = torch.stack([path[path[:, 0] == boundary, 1].double().mean() for boundary in boundaries])
    assert float((found - wanted).abs().max()) <= 4  # hops of 12.5 ms


def test_the_level_of_a_recording_moves_nothing() -> None:
    audio = sounds([12, 20, 8, 15])
    path = warping_path(audio, 0.25 * audio)
    assert int((path[:, 0] - path[:, 1]).abs().max()) <= 1  # hop


def test_durations_stay_along_the_diagonal() -> None:
    frames = torch.tensor([5, 1, 3, 9, 2])
    assert torch.equal(warp_durations(frames, diagonal(40), 20), frames)


def test_durations_scale_with_a_uniform_stretch() -> None:
    frames = torch.tensor([5, 1, 3, 9, 2])
    hops = torch.arange(3 * 40)
    warped = warp_durations(frames, torch.stack([hops // 3, hops], dim=1), 60)
    boundaries, expected = warped.cumsum(0), 3 * frames.cumsum(0)
    assert int((boundaries - expected).abs().max()) <= 1  # frame: one hop meets three, which are one frame and a half
    assert int(warped.sum()) == 60


def test_octave_errors_are_left_out_of_pitch_and_a_wide_melody_is_not() -> None:
    melody = 150 * 2 ** torch.linspace(-1, 1, 40)  # two octaves
    recorded = melody / 1.1
    recorded[7], recorded[30] = recorded[7] / 2, 2 * recorded[30]
    recorded[12] = 0  # no voice
    ours, theirs = voiced_pairs(diagonal(40), melody, recorded)
    kept = [hop for hop in range(40) if hop not in (7, 12, 30)]
    assert torch.equal(ours, melody[kept].log())
    torch.testing.assert_close(ours - theirs, torch.full((37,), math.log(1.1)))


@st.composite
def warps(draw: st.DrawFn) -> tuple[Tensor, Tensor, int]:
    """Any durations, any path from start to end, and how many frames the recording has."""
    frames = draw(st.lists(st.integers(1, 6), min_size=1, max_size=12))
    total = draw(st.integers(1, 40))
    place, path, steps = [0, 0], [[0, 0]], [(1, 1), (0, 1), (1, 0)]
    end = [2 * sum(frames) - 1, 2 * total - 1]
    while place != end:
        step = draw(st.sampled_from(steps))
        place = [min(place[index] + step[index], end[index]) for index in (0, 1)]
        if place != path[-1]:
            path.append(place)
    return torch.tensor(frames), torch.tensor(path), total


@settings(max_examples=60, deadline=None)
@given(warps())
def test_durations_add_up_and_every_phoneme_keeps_a_frame(warp: tuple[Tensor, Tensor, int]) -> None:
    frames, path, total = warp
    warped = warp_durations(frames, path, total)
    assert warped.shape == frames.shape
    assert warped.dtype == torch.long
    assert int(warped.sum()) == total
    assert int(warped.min()) >= (1 if total >= len(frames) else 0)


@pytest.mark.slow
def test_boundaries_of_a_clip_are_found_with_another_voice(
    kokoro: Kokoro, stock_packs: dict[str, Tensor], tmp_path: Path
) -> None:
    """25 to 30 ms were seen: about one frame."""
    phonemes = "ðə kˈæt sˈæt bI ðə dˈɔɹ, ænd hi wˈɔʧt ðə ɹˈAn."
    speaker, other = (stock_packs[name][len(phonemes) - 1] for name in ("am_michael", "af_heart"))
    with torch.no_grad():
        truth = kokoro.predict(kokoro.encode_text(phonemes), speaker)
    audio = kokoro.render(phonemes, speaker, seed=7)
    unfinished = audio[: len(audio) - 100]  # recordings do not end on a whole frame
    (aligned,) = align(kokoro, [clip_of(unfinished, tmp_path / "a.wav", phonemes, bandwidth=8_000.0)], other)
    total = int(truth.frames.sum())
    assert int(aligned.frames.sum()) == total
    assert aligned.f0.shape == aligned.energy.shape == (1, 2 * total)
    assert aligned.audio.shape == (FRAME_SAMPLES * total,)
    assert (aligned.name, aligned.bandwidth) == ("train/a.wav", 8_000.0)
    errors = (aligned.frames.cumsum(0) - truth.frames.cumsum(0))[:-1].abs() * 25.0
    assert float(errors.mean()) <= 50  # ms
    # What the clip is said to be like is what Kokoro had in mind when it spoke.
    voiced = (truth.f0 > 80) & (aligned.f0 > 0)
    assert float(voiced.float().mean()) > 0.3
    assert float((truth.f0 - aligned.f0)[voiced].abs().median()) < 5  # Hz
    assert float(torch.corrcoef(torch.cat([truth.energy, aligned.energy]))[0, 1]) > 0.95


@pytest.mark.slow
def test_a_boundary_that_is_known_is_missed_by_little(kokoro: Kokoro, stock_packs: dict[str, Tensor]) -> None:
    phonemes = "ðə kˈæt sˈæt bI ðə dˈɔɹ, ænd hi wˈɔʧt ðə ɹˈAn."
    audio, truth = spoken(kokoro, phonemes, stock_packs["am_michael"])
    own, other = (boundary_errors(kokoro, phonemes, audio, truth, stock_packs[by]) for by in ("am_michael", "af_heart"))
    assert own.shape == (len(phonemes) + 1,)  # Kokoro adds one at each end
    assert float(own.mean()) < 10  # another seed of the noise, nothing else
    assert float(own.mean()) < float(other.mean()) <= 50
    assert set((other % 25).tolist()) == {0}  # whole frames


class Parrot:
    """Says the recording itself, in the place of Kokoro, and knows how long each phoneme of it is."""

    device = torch.device("cpu")

    def __init__(self, audio: Tensor, frames: Tensor) -> None:
        self.audio, self.frames = audio, frames

    def encode_text(self, phonemes: str) -> EncodedText:
        return EncodedText(phonemes, torch.zeros(1, 512, len(self.frames)), torch.zeros(1, 512, len(self.frames)))

    def predict(self, text: EncodedText, voice: Tensor) -> Prosody:
        return Prosody(self.frames.float(), self.frames, torch.zeros(1, 1), torch.zeros(1, 1))

    def decode(self, *_: object, seed: int) -> Tensor:
        return self.audio


def test_a_clip_is_said_to_be_like_what_kokoro_expects(tmp_path: Path) -> None:
    audio = voice(2.0)
    frames = torch.tensor([9, 20, 14, 30, 7])
    (aligned,) = align(Parrot(audio, frames), [clip_of(audio, tmp_path / "a.wav", "abc", bandwidth=8_000.0)],
                       torch.zeros(1, 256))  # type: ignore[arg-type]  # fmt: skip
    assert torch.equal(aligned.frames, frames)
    assert len(aligned.audio) == FRAME_SAMPLES * int(frames.sum())
    assert torch.equal(aligned.f0[0], f0_curve(aligned.audio))
    torch.testing.assert_close(aligned.energy[0], energy_curve(aligned.audio) + ENERGY_OFFSET)
    assert aligned.bandwidth == 8_000
