"""What `make voice` prints of a voice: each number in its column."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_measures import judged, spoken

from stages import places
from tools import show
from voicepack.evaluation import score_table, summarise
from voicepack.files import write_json, write_table, write_tensors
from voicepack.renders import NEW


@pytest.fixture(autouse=True)
def _evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A voice `me` that is likelier than its floor, in a project of its own."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("voices: {me: {data: recordings}}\n")
    renders = judged(0.75, 0.6, 0.9)
    write_json(places.measures("me"), summarise(renders))
    write_table(places.scores("me"), score_table(renders))
    write_tensors(places.speaker("me"), {"embedding": torch.ones(2)}, {"nearest": "af_near"})


def test_a_voice_stands_between_the_stock_voice_and_the_real_clips() -> None:
    header, likeness, normalised = (" ".join(line.split()) for line in show.table("me").splitlines())
    assert header == "me noise af_near real clips than af_near"
    assert likeness == "likeness (speaker cosine) 0.750 0.000 0.600 0.900 better"
    assert normalised == "normalised likeness 0.500 0.000 0.000 1.000"


def test_in_the_table_of_all_voices_the_floor_is_in_brackets() -> None:
    assert show.all_voices().splitlines()[-1].startswith("| me | 0.500 | 0.750 [0.750, 0.750] (0.600) |")


def test_a_voice_whose_floor_lacks_a_measure_is_shown_without_brackets() -> None:
    """As the stock voice that whispers a held-out text has no pitch."""
    held_out = [spoken(NEW, text, held_out=True, f0_correlation=0.5) for text in ("one", "other")]
    rows = score_table([*judged(0.75, 0.6, 0.9), *held_out])
    write_table(places.scores("me"), rows)
    assert "| 0.500 [0.500, 0.500] |" in show.all_voices().splitlines()[-1]


def test_a_page_that_lacks_the_voice_is_not_shown_as_its_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`dvc repro evaluate@me` leaves the page as it was."""
    monkeypatch.setattr("sys.argv", ["show", "me"])
    places.REPORT.parent.mkdir(exist_ok=True)
    for voice, said in (("gone", "`dvc repro --single-item report` writes"), ("me", "(open it in a browser)")):
        places.REPORT.write_text(f'<section id="voice-{voice}">')
        show.main()
        assert said in capsys.readouterr().out.splitlines()[-1]


def test_what_is_left_of_a_voice_that_is_no_longer_there_is_not_shown() -> None:
    """As after a change of the branch: Git takes its measures away, and leaves what it does not know."""
    write_table(places.scores("gone"), [{"measure": "likeness"}])
    assert show.evaluated() == ["me"]
