"""The speaker that renders are compared with, and what they would score themselves."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from recordings import babble, clip_of
from torch import Tensor

from voicepack.clips import Clip
from voicepack.errors import VoicepackError
from voicepack.floor_and_ceiling import ceilings, held_out_sentences, reference_embedding, sentence_names
from voicepack.renders import FLOOR, REAL, Measured, Render
from voicepack.speaking import Hearing


class Ear:
    """Hears the share of positive samples, and no voice in zeros."""

    size = 2

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def embed(self, audio: Tensor) -> Tensor:
        self.lengths.append(len(audio))
        if not audio.any():
            raise VoicepackError("no speech in it.")
        return torch.nn.functional.normalize(
            torch.stack([(audio > 0).float().mean(), (audio < 0).float().mean()]), dim=0
        )


def hearing() -> Hearing:
    return Hearing(Path("nowhere"), "ear", torch.tensor([1.0, 0.0]), torch.tensor([[0.0, 1.0]]))


def floor_render(name: str, seconds: float, *, held_out: bool = False) -> Render:
    silence = torch.zeros(12_000)
    audio = torch.cat([silence, babble(seconds), silence])
    return Render(FLOOR, name, held_out, 0, 12, Measured(seconds + 1), audio=audio)


def test_the_reference_is_the_mean_of_the_clips_as_a_unit_vector(tmp_path: Path) -> None:
    clips = [clip_of(torch.full((100,), sign), tmp_path / f"{sign}.wav") for sign in (1.0, -1.0)]
    torch.testing.assert_close(reference_embedding(Ear(), clips), torch.tensor([0.5, 0.5]).sqrt())


def test_held_out_sentences_have_a_name_each() -> None:
    files = {"train/a.wav": "00001.wav", "train/a.flac": "00002.wav", "train/sub/b.c.wav": "00003.wav"}
    clips = [Clip(name, "", "", Path(file), 24_000, 12_000.0, 40.0) for name, file in files.items()]
    assert sentence_names(clips) == ["train_a_00001", "train_a_00002", "train_sub_b.c"]


def test_names_of_samples_are_short_and_plain() -> None:
    clips = [Clip(f"train/{'x' * 240}?\n.wav", "", "", Path("00001.wav"), 24_000, 12_000.0, 40.0)]
    assert sentence_names(clips) == ["train_" + 74 * "x"]


def test_what_no_recogniser_writes_down_is_not_spoken_again() -> None:
    clips = [
        Clip("train/a.wav", text, "m", Path("a.wav"), 24_000, 12_000.0, 40.0) for text in ("Hmm.", "(She laughed.)")
    ]
    with pytest.raises(VoicepackError, match="no held-out clip says a word"):
        held_out_sentences(clips, lambda _: [], 15.0)


def test_the_ceiling_is_of_four_stretches_as_long_as_the_speech_in_the_floors_render() -> None:
    speech = torch.cat([torch.ones(36_000), -torch.ones(36_000)])
    judge = Ear()
    (found,) = ceilings(judge, hearing(), speech, [floor_render("a", 0.5), floor_render("b", 1.0, held_out=True)])
    assert len(judge.lengths) == 4
    assert judge.lengths[0] / 24_000 == pytest.approx(0.5, abs=0.15)
    assert (found.voice, found.sentence, found.held_out, found.phoneme_count) == (REAL, "a", False, 12)
    # Two of the stretches lie in the half that sounds like the speaker, two in the other.
    assert found.measured.likeness == pytest.approx(0.5)
    assert found.measured.retrieved == pytest.approx(0.5)
    torch.testing.assert_close(found.embedding, torch.tensor([0.5, 0.5]).sqrt())


def test_less_speech_than_the_render_is_taken_whole() -> None:
    judge = Ear()
    (found,) = ceilings(judge, hearing(), torch.ones(6_000), [floor_render("a", 2.0)])
    assert judge.lengths == [6_000] * 4
    assert found.measured.likeness == pytest.approx(1)


@pytest.mark.parametrize(("seconds", "chosen"), [(0.0, "dc"), (9.0, "dc"), (10.0, "dcb"), (60.0, "dcba")])
def test_the_shortest_clips_are_spoken_again_two_at_least(seconds: float, chosen: str) -> None:
    clips = [
        Clip(
            f"train/{name}.wav",
            "Good night.",
            "ɡˌʊd nˈIt.",
            Path(f"{name}.wav"),
            24_000 * length,
            1000.0 * length,
            40.0,
        )
        for name, length in zip("abcd", (20, 5, 3, 2), strict=True)
    ]
    nothing = SimpleNamespace(**dict.fromkeys(("frames", "f0", "energy", "audio"), torch.zeros(1)))
    found = held_out_sentences(clips, lambda some: [nothing for _ in some], seconds)
    assert [each.name for each in found] == [f"train_{name}" for name in chosen]
    assert [each.recording.bandwidth for each in found[:2] if each.recording] == [2_000, 3_000]
