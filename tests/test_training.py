"""Training the projection for one voice."""

import dataclasses
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from recordings import babble, clip_of, unread_clip
from test_voices_rows import random_packs
from torch import Tensor

from voicepack.alignment import AlignedClip, align
from voicepack.clips import choose_clips
from voicepack.constants import FRAME_SAMPLES, HALVES
from voicepack.damage import limit_band
from voicepack.device import resolve_device, resolve_precision
from voicepack.errors import VoicepackError
from voicepack.kokoro import EncodedText, Kokoro
from voicepack.projection import Projection
from voicepack.rows import RowCurve, base_vector
from voicepack.training import VoiceTraining, _shuffled, choose_start, step_losses, train_voice
from voicepack.voice_losses import LossWeights, VoiceLosses, weighted, window
from voicepack.voices import VoiceSpace

WEIGHTS = LossWeights(
    mel=0.5, mel_statistics=1.0, timbre=0.5, speaker=0.0, f0=0.2, f0_statistics=2.0, energy=0.2,
    duration=0.5, rate=1.0, prior=0.1,
)  # fmt: skip
TRAINING = VoiceTraining(
    network="shift", steps=6, lr=0.2, adam_beta2=0.95, gradient_clip=10.0, window_seconds=10, prosody_clips=1,
    own_prosody_every=2, checkpoint_every=3,
    seed=0, losses=WEIGHTS,
)  # fmt: skip
PHONEMES = ("ðə kˈæt sˈæt bI ðə dˈɔɹ.", "hi wˈɔʧt ðə ɹˈAn.")


def test_clips_are_chosen_up_to_a_length_by_the_seed() -> None:
    clips = [unread_clip(2 + index % 3, str(index)) for index in range(20)]
    chosen = choose_clips(clips, 20, seed=0)
    assert 17 <= sum(each.seconds for each in chosen) <= 20
    assert len({each.name for each in chosen}) == len(chosen)
    assert [each.name for each in chosen] == [each.name for each in choose_clips(clips, 20, seed=0)]
    assert [each.name for each in chosen] != [each.name for each in choose_clips(clips, 20, seed=1)]
    assert len(choose_clips(clips, 1000, seed=0)) == 20
    assert len(choose_clips(clips, 0.5, seed=0)) == 1  # one is always left to train on


@pytest.mark.parametrize(
    ("processor", "expected"),
    [({"avx512_bf16": True}, torch.bfloat16), ({"amx_bf16": True}, torch.bfloat16), ({"avx2": True}, torch.float32)],
)
def test_the_processor_decides_what_it_computes_in_unless_told(
    monkeypatch: pytest.MonkeyPatch, processor: dict[str, bool], expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor)
    assert resolve_precision("auto", torch.device("cpu")) == expected
    assert resolve_precision("float32", torch.device("cpu")) == torch.float32
    assert resolve_precision("bfloat16", torch.device("cpu")) == torch.bfloat16


def test_a_card_computes_in_float32_unless_told() -> None:
    assert resolve_precision("auto", torch.device("cuda")) == torch.float32
    assert resolve_precision("bfloat16", torch.device("cuda")) == torch.bfloat16


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_one_line() -> None:
    with pytest.raises(VoicepackError, match=r"train\.device is 'cuda', but PyTorch finds no such device"):
        resolve_device("cuda")


@pytest.mark.parametrize("count", [1, 2, 7])
def test_every_clip_comes_once_per_epoch_in_another_order(count: int) -> None:
    epochs = [[_shuffled(epoch * count + place, count, 3) for place in range(count)] for epoch in range(8)]
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs)
    assert count == 1 or len(set(map(tuple, epochs))) > 1


def numbered_clip(frames: list[int]) -> AlignedClip:
    """A clip whose every sample and frame is its own number."""
    total, nothing = sum(frames), torch.zeros(1, 512, len(frames))
    hops = torch.arange(2.0 * total)[None]
    audio = torch.arange(float(FRAME_SAMPLES * total))
    text = EncodedText("a" * (len(frames) - 2), nothing, nothing)
    return AlignedClip("a", text, torch.tensor(frames), hops, -hops, audio, 8_000.0)


def test_a_window_cuts_everything_at_the_same_place() -> None:
    frames = [4, 10, 1, 7, 20, 3, 15]
    whole = numbered_clip(frames)
    spoken = torch.arange(len(frames)).repeat_interleave(whole.frames)  # which phoneme each frame belongs to
    starts = set()
    for seed in range(30):
        cut = window(whole, 0.5, torch.Generator().manual_seed(seed))
        assert cut.frames.shape == whole.frames.shape  # the decoder gets the whole text
        assert int(cut.frames.sum()) == 20
        assert cut.f0.shape == cut.energy.shape == (1, 40)
        assert cut.audio.shape == (12_000,)
        start = int(cut.audio[0]) // FRAME_SAMPLES
        starts.add(start)
        assert torch.equal(cut.audio, whole.audio[start * FRAME_SAMPLES :][:12_000])
        assert torch.equal(cut.f0, whole.f0[:, 2 * start :][:, :40])
        assert torch.equal(cut.energy, -cut.f0)
        assert torch.equal(cut.frames, spoken[start : start + 20].bincount(minlength=len(frames)))
        assert (cut.name, cut.text, cut.bandwidth) == (whole.name, whole.text, whole.bandwidth)
    assert len(starts) > 10


def test_a_short_clip_is_its_own_window() -> None:
    whole = numbered_clip([4, 10, 6])
    assert window(whole, 0.5, torch.Generator()) is whole


def heard(seed: int, steps: Sequence[int] = range(12)) -> list[tuple[list[str], float]]:
    """Return the names of the clips that each step of a training hears, and where its window begins."""
    clips = [replace(numbered_clip([40, 30, 50]), name=name) for name in "abcde"]  # of one length: any window fits all
    settings = replace(TRAINING, window_seconds=0.5, prosody_clips=2, seed=seed)
    found = []

    def of_step(
        voice: Tensor, chosen: list[AlignedClip], seconds: float, generator: torch.Generator, *_: int, own_prosody: bool
    ) -> dict[str, Tensor]:
        found.append(([clip.name for clip in chosen], float(window(chosen[0], seconds, generator).audio[0])))
        return {}

    for step in steps:
        step_losses(SimpleNamespace(of_step=of_step), clips, torch.zeros(1, 256), settings, step)
    return found


def test_the_seed_decides_which_clips_and_which_window_a_step_hears() -> None:
    assert heard(0) == heard(0)
    assert heard(0)[5:] == heard(0, range(5, 12)), "a step does not hear what the steps before it have left"
    (clips, windows), (other_clips, other_windows) = (zip(*heard(seed), strict=True) for seed in (0, 1))
    assert clips != other_clips
    assert windows != other_windows
    assert len(set(windows)) > 6, "each step its own window"
    assert {name for names in clips[:5] for name in names[:1]} == set("abcde"), "the sound of each clip once an epoch"


def test_losses_add_up_by_their_weights() -> None:
    values = {"mel": torch.tensor(2.0), "prior": torch.tensor(3.0)}
    assert float(weighted(values, WEIGHTS)) == pytest.approx(0.5 * 2 + 0.1 * 3)


@pytest.fixture(scope="module")
def voice(kokoro: Kokoro, stock_packs: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Two clips of a voice that is no stock voice, aligned, and what training needs besides."""
    hidden = 0.6 * base_vector(stock_packs["af_sarah"]) + 0.4 * base_vector(stock_packs["bf_isabella"])
    start = base_vector(stock_packs["am_adam"])
    rows = RowCurve.fit(stock_packs.values())
    clips, folder = [], tmp_path_factory.mktemp("clips")
    for number, phonemes in enumerate(PHONEMES):
        audio = kokoro.render(phonemes, rows.expand(hidden), seed=number)
        clips.append(clip_of(audio, folder / f"{number}.wav", phonemes))
    aligned = align(kokoro, clips, start[None])
    losses = VoiceLosses(kokoro, stock_packs)
    generator = torch.Generator().manual_seed(0)
    style = torch.randn(256, generator=generator)
    return SimpleNamespace(hidden=hidden, start=start, clips=aligned, losses=losses, style=style)


def train(
    voice: SimpleNamespace, checkpoints: Path, settings: VoiceTraining = TRAINING
) -> tuple[dict[str, Tensor], list[tuple[int, dict[str, float]]]]:
    """Train from the same projection every time; return its parameters and what was reported."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        projection = Projection(hidden=64).eval()
    history: list[tuple[int, dict[str, float]]] = []
    trained = train_voice(
        voice.losses, voice.clips, voice.style, projection, voice.start, settings,
        lambda step, values: history.append((step, dict(values))), checkpoints,
    )  # fmt: skip
    return {name: value.detach().clone() for name, value in trained.state_dict().items()}, history


@pytest.mark.slow
def test_what_hears_the_speaker_shapes_both_halves_when_the_voice_has_its_own_prosody(
    voice: SimpleNamespace, stock_packs: dict[str, Tensor]
) -> None:
    losses = VoiceLosses(voice.losses.kokoro, stock_packs, [clip.audio for clip in voice.clips])
    gradients = []
    for own in (False, True):
        vector = voice.start[None].clone().requires_grad_()
        generator = torch.Generator().manual_seed(0)
        values = losses.of_step(vector, voice.clips, 10, generator, 0, own_prosody=own)
        gradients.append(torch.autograd.grad(values["speaker"], vector)[0][0])
        assert values["mel"].requires_grad != own
    recorded, own_prosody = gradients
    acoustic, prosodic = HALVES
    assert recorded[acoustic].abs().max() > 0
    # Short sentences' rows mix the halves a little: that is all that the recording's prosody lets through.
    assert recorded[prosodic].norm() < 0.3 * own_prosody[prosodic].norm()
    assert own_prosody[acoustic].abs().max() > 0


@pytest.mark.parametrize(("every", "own"), [(0, []), (1, [0, 1, 2, 3]), (2, [1, 3])])
def test_some_steps_are_spoken_with_the_voices_own_prosody(every: int, own: list[int]) -> None:
    settings = replace(TRAINING, own_prosody_every=every)
    assert [step for step in range(4) if settings.own_prosody(step)] == own


@pytest.mark.slow
def test_what_a_long_clip_computes_again_has_the_same_gradient(
    voice: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gradient() -> Tensor:
        vector = voice.start[None].clone().requires_grad_()
        weighted(voice.losses.predictor(vector, voice.clips[0]), WEIGHTS).backward()
        assert vector.grad is not None
        return vector.grad

    kept = gradient()
    monkeypatch.setattr("voicepack.voice_losses._LONG", 0)
    assert torch.equal(gradient(), kept)
    assert kept[:, HALVES[1]].abs().sum() > 0


@pytest.mark.slow
def test_training_falls_repeats_itself_and_goes_on_where_it_broke_off(voice: SimpleNamespace, tmp_path: Path) -> None:
    first, history = train(voice, tmp_path / "a")
    assert [step for step, _ in history] == list(range(6))
    losses = [values["loss"] for _, values in history]  # of whole clips, each once in two steps
    assert sum(losses[-2:]) < 0.95 * sum(losses[:2])
    weights = vars(WEIGHTS)
    for _, values in history:
        assert set(values) == {*weights, "loss"} - {"speaker"}
        assert sum(weights[name] * values.get(name, 0) for name in weights) == pytest.approx(values["loss"], rel=1e-4)
    # It starts at the voice it was told to, whatever the projection said.
    with torch.no_grad():
        at_start = voice.losses.predictor(voice.start[None], voice.clips[_shuffled(0, 2, 0)])
    assert history[0][1]["duration"] == pytest.approx(float(at_start["duration"]), rel=0.05)
    assert all(parameter.grad is None for parameter in voice.losses.kokoro.model.parameters())

    (newest,) = (tmp_path / "a").glob("step_00006*")
    newest.unlink()
    resumed, rest = train(voice, tmp_path / "a")
    assert [step for step, _ in rest] == [3, 4, 5]
    torch.testing.assert_close(resumed, first, rtol=0, atol=1e-5)
    assert rest[-1][1]["loss"] == pytest.approx(losses[-1], rel=1e-3)

    # A finished run is done anew, from the first step.
    again, same = train(voice, tmp_path / "a")
    torch.testing.assert_close(again, first, rtol=0, atol=1e-5)
    assert [values["loss"] for _, values in same] == pytest.approx(losses, rel=1e-3)


@pytest.mark.slow
def test_a_loss_that_is_not_a_number_ends_training_by_its_name(voice: SimpleNamespace, tmp_path: Path) -> None:
    """A voice of NaN would come of it, which says nothing until it is to speak."""
    broken = SimpleNamespace(**vars(voice))
    broken.clips = [replace(clip, energy=torch.full_like(clip.energy, torch.nan)) for clip in voice.clips]
    with pytest.raises(VoicepackError, match=r"^a loss is not a number in step 0: .*energy"):
        train(broken, tmp_path)


@pytest.mark.slow
def test_each_half_starts_where_its_own_losses_are_least(voice: SimpleNamespace) -> None:
    """The voice that spoke is the best in both halves; mixed into others, each half is still found."""
    hidden, other = voice.hidden, voice.start
    timbre, prosody = torch.cat([hidden[:128], other[128:]]), torch.cat([other[:128], hidden[128:]])
    chosen = choose_start(voice.losses, voice.clips, torch.stack([other, timbre, prosody]), TRAINING)
    torch.testing.assert_close(chosen, hidden, rtol=0, atol=0)


@pytest.mark.slow
def test_the_reference_network_can_be_trained_instead(voice: SimpleNamespace, tmp_path: Path) -> None:
    settings = replace(TRAINING, network="mlp", steps=2, lr=3e-4)
    trained, history = train(voice, tmp_path, settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        before = Projection(hidden=64).state_dict()
    assert len(history) == 2
    assert not torch.equal(trained["layers.8.weight"], before["layers.8.weight"])


@pytest.mark.slow
def test_a_trained_voice_is_the_mean_over_the_second_half_of_the_steps(voice: SimpleNamespace, tmp_path: Path) -> None:
    train(voice, tmp_path, replace(TRAINING, steps=4, checkpoint_every=1))
    third, fourth = (torch.load(tmp_path / f"step_0000{step}.pt", weights_only=True) for step in (3, 4))
    steps = torch.stack([each["network"]["along"] for each in (third, fourth)])
    assert float(steps.diff(dim=0).abs().max()) > 1e-3
    torch.testing.assert_close(fourth["average"]["module.along"], steps.mean(0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["steps", "prosody_clips", "checkpoint_every"])
def test_a_number_that_is_too_small_is_one_line(name: str) -> None:
    with pytest.raises(VoicepackError, match=rf"train\.{name} is 0\. Write 1 or more\."):
        replace(TRAINING, **{name: 0})


def test_a_share_that_is_none_is_one_line() -> None:
    with pytest.raises(VoicepackError, match=r"train\.adam_beta2 is 1\. Write 0 or more, less than 1\."):
        replace(TRAINING, adam_beta2=1)


def test_a_window_that_is_too_short_to_hear_a_speaker_is_one_line() -> None:
    with pytest.raises(VoicepackError, match=r"train\.window_seconds is 0\.1\. Write 0\.25 or more\."):
        replace(TRAINING, window_seconds=0.1)


SPACE = VoiceSpace.fit(random_packs(24))


START, TARGET = SPACE.mean, SPACE.mean + SPACE.draw_shift(torch.Generator().manual_seed(1))


class Pull:
    """Draws a voice to TARGET, in the place of all losses and Kokoro."""

    kokoro, space = SimpleNamespace(device=torch.device("cpu")), SPACE

    def of_step(self, voice: Tensor, *_: object, own_prosody: bool) -> dict[str, Tensor]:
        return {"mel": 1e4 * (voice - TARGET).square().sum()}


def pulled(checkpoints: Path, settings: VoiceTraining) -> Tensor:
    """Train with quick losses; return the voice vector `[256]`."""
    style = torch.zeros(256)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        projection = Projection(hidden=8).eval()
    trained = train_voice(
        Pull(),
        [numbered_clip([3, 3, 3])],
        style,
        projection,
        START,
        settings,
        lambda *_: None,
        checkpoints,  # type: ignore[arg-type]
    )
    with torch.no_grad():
        return trained(style[None])[0]


def test_a_voice_arrives_where_its_losses_are_least_and_the_steps_become_small(tmp_path: Path) -> None:
    found = pulled(tmp_path, replace(TRAINING, steps=80, checkpoint_every=80))
    assert float((found - TARGET).norm()) < 0.1 * float((START - TARGET).norm())
    last = torch.load(tmp_path / "step_00080.pt", weights_only=True)
    assert last["schedule"]["_last_lr"] == pytest.approx([TRAINING.lr / 20])


@pytest.mark.parametrize("other", [{"lr": 0.1}, {"adam_beta2": 0.999}, {"steps": 5}])
def test_every_knob_of_the_optimiser_shapes_the_voice(tmp_path: Path, other: dict[str, float]) -> None:
    usual, changed = (
        pulled(tmp_path / name, each) for name, each in (("a", TRAINING), ("b", replace(TRAINING, **other)))
    )
    assert float((usual - changed).abs().max()) > 1e-4


def test_a_gradient_is_cut_to_its_limit(tmp_path: Path) -> None:
    """Adam divides by the gradient's size, but for 1e-8: only one that is cut far below that moves nothing."""
    assert float((pulled(tmp_path, replace(TRAINING, gradient_clip=1e-12)) - START).abs().max()) < 1e-3


def test_a_voice_is_compared_below_the_recordings_bandwidth() -> None:
    losses = VoiceLosses(SimpleNamespace(device=torch.device("cpu")), random_packs(14))  # type: ignore[arg-type]
    audio = babble(1.0)
    clip = dataclasses.replace(numbered_clip([20, 20]), audio=limit_band(audio, 5_000), bandwidth=4_000.0)
    values = losses.sound(audio, clip)
    assert float(values["mel"]) < 0.02
    assert float(values["mel_statistics"]) < 0.02


def test_over_the_telephone_a_voice_is_not_asked_to_be_muffled() -> None:
    """What hears up to 8 kHz, timbre and speaker, would otherwise find the speaker's own full sound far off."""
    audio = babble(3.0)
    narrow = limit_band(audio, 4_000)
    losses = VoiceLosses(SimpleNamespace(device=torch.device("cpu")), random_packs(14), [narrow])  # type: ignore[arg-type]
    telephone = dataclasses.replace(numbered_clip([20, 20]), audio=narrow, bandwidth=4_000.0)
    full, muffled = (losses.sound(each, telephone) for each in (audio, narrow))
    for name in ("timbre", "speaker"):
        assert float(full[name]) == pytest.approx(float(muffled[name]), abs=1e-3)
    wide = dataclasses.replace(telephone, bandwidth=12_000.0)
    assert float(losses.sound(audio, wide)["timbre"]) > float(full["timbre"]) + 0.1
