"""Training the style encoders, on synthetic voices and small networks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from recordings import babble
from torch import Tensor

from voicepack.damage import tilt
from voicepack.encoder_training import DamagedCrops, EncoderTraining, train_encoder
from voicepack.rendered_speech import Speech
from voicepack.style_encoder import StyleEncoders, build_style_encoder, read_checkpoint
from voicepack.voices import relative_errors

TRAINING = EncoderTraining(
    channels=4, widest=8, steps=12, batch=4, lr=1e-2, weight_decay=1e-2, shortest_crop=1.1, longest_crop=1.1,
    evaluate_every=6, seed=0
)  # fmt: skip
Reports = list[tuple[int, dict[str, float]]]


class BrokenOffError(Exception):
    """What a run dies of."""


def voices(count: int, seed: int) -> Speech:
    """Speech whose colour, from dull to bright, is the voice, in both halves."""
    generator = torch.Generator().manual_seed(seed)
    colours = torch.linspace(-1, 1, count)
    direction = torch.randn(256, generator=torch.Generator().manual_seed(9))
    noises = [babble(1.0 + 0.05 * index, seed=100 * seed + index) for index in range(count)]
    audio = [tilt(noise, 12 * float(colour)) for noise, colour in zip(noises, colours, strict=True)]
    about = 0.01 * torch.randn(count, 256, generator=generator)
    return Speech([clip / clip.std() * 0.05 for clip in audio], 0.2 + 0.2 * colours[:, None] * direction + about)


SPEECH, HELD_OUT = voices(12, seed=1), voices(5, seed=2)


def train(
    checkpoint: Path, reports: Reports, settings: EncoderTraining = TRAINING, break_at: int | None = None
) -> StyleEncoders:
    """Train, and break off when something of step `break_at` is reported."""

    def report(step: int, values: Mapping[str, float]) -> None:
        if step == break_at:
            raise BrokenOffError
        reports.append((step, dict(values)))

    return train_encoder(SPEECH, HELD_OUT, settings, checkpoint, report)


def total(errors: Mapping[str, float]) -> float:
    return errors["held_out_acoustic"] + errors["held_out_prosodic"]


def test_training_hears_the_voice(tmp_path: Path) -> None:
    reports: Reports = []
    encoders = train(tmp_path / "resume.pt", reports, replace(TRAINING, steps=120, batch=8, evaluate_every=40))
    assert not encoders.training
    found = relative_errors(encoders.encode(HELD_OUT.audio), HELD_OUT.voices)
    untrained = relative_errors(SPEECH.voices.mean(0, keepdim=True), HELD_OUT.voices)
    assert found.acoustic < 0.9 * untrained.acoustic
    assert found.prosodic < 0.9 * untrained.prosodic
    losses = [values for _, values in reports if "train_acoustic" in values]
    assert [step for step, values in reports if "held_out_acoustic" in values] == [40, 80, 120]
    for name in ("train_acoustic", "train_prosodic"):
        assert losses[-1][name] < 0.6 * losses[0][name]
    # The encoders that come back are the best of those that were judged, not the last.
    best = min(total(values) for _, values in reports if "held_out_acoustic" in values)
    assert found.acoustic + found.prosodic == pytest.approx(best, rel=1e-4)


def test_a_broken_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    unbroken_reports: Reports = []
    unbroken = train(tmp_path / "a.pt", unbroken_reports)
    reports: Reports = []
    with pytest.raises(BrokenOffError):
        train(tmp_path / "b.pt", reports, break_at=12)
    assert [step for step, _ in reports] == [6]
    torch.manual_seed(99)  # another process has another past
    resumed = train(tmp_path / "b.pt", reports)
    torch.testing.assert_close(dict(resumed.state_dict()), dict(unbroken.state_dict()), rtol=0, atol=1e-6)
    assert [step for step, _ in reports] == [6, 12] == [step for step, _ in unbroken_reports]
    assert total(reports[-1][1]) == pytest.approx(total(unbroken_reports[-1][1]), rel=1e-5)
    states = [torch.load(tmp_path / name, weights_only=True)["model"] for name in ("a.pt", "b.pt")]
    torch.testing.assert_close(states[1], states[0], rtol=0, atol=1e-6)


def test_a_finished_run_is_done_anew_when_asked_for_again(tmp_path: Path) -> None:
    first: Reports = []
    encoders = train(tmp_path / "resume.pt", first)
    again: Reports = []
    same = train(tmp_path / "resume.pt", again)
    assert [step for step, _ in again] == [step for step, _ in first]
    torch.testing.assert_close(dict(same.state_dict()), dict(encoders.state_dict()), rtol=0, atol=1e-6)


def test_the_seed_decides(tmp_path: Path) -> None:
    first, again, other = (
        train(tmp_path / f"{number}.pt", [], replace(TRAINING, steps=2, seed=seed)).encode(HELD_OUT.audio)
        for number, seed in enumerate((0, 0, 1))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_checkpoint_is_one_of_styletts2(tmp_path: Path) -> None:
    train(tmp_path / "resume.pt", [], replace(TRAINING, steps=2))
    encoders = build_style_encoder(read_checkpoint(tmp_path / "resume.pt"), "")
    assert encoders.encode(HELD_OUT.audio[:1]).isfinite().all()


def item(crops: DamagedCrops, index: int) -> tuple[Tensor, Tensor]:
    return crops[index]


@pytest.mark.parametrize("get", [item, lambda crops, index: list(map(crops.__getitem__, range(index + 1)))[-1]])
def test_a_crop_depends_on_its_number_alone(get: Callable[[DamagedCrops, int], tuple[Tensor, Tensor]]) -> None:
    settings = replace(TRAINING, steps=5, longest_crop=1.3)
    crops = DamagedCrops(SPEECH, settings)
    expected_audio, expected_voice = crops[7]
    torch.rand(3)
    audio, voice = get(crops, 7)
    assert torch.equal(audio, expected_audio)
    assert torch.equal(voice, expected_voice)
    later = DamagedCrops(SPEECH, settings, first_step=1)[3]  # as a run resumed after one batch of four asks
    assert torch.equal(later[0], expected_audio)
    assert not torch.equal(crops[8][0], expected_audio)


def test_crops_have_one_length_and_the_voice_of_their_clip() -> None:
    crops = DamagedCrops(SPEECH, replace(TRAINING, steps=10, shortest_crop=1.1, longest_crop=1.4))
    assert len(crops) == 40
    chosen, lengths = set(), {}
    for index in range(40):
        audio, voice = crops[index]
        assert 26_400 <= len(audio) <= 33_600
        assert lengths.setdefault(index // 4, len(audio)) == len(audio)
        assert audio.isfinite().all()
        matches = (SPEECH.voices == voice).all(1).nonzero()
        assert len(matches) == 1
        chosen.add(int(matches))
    assert len(chosen) > 8
    assert len(set(lengths.values())) > 5
