"""The table of what each choice is worth, and the pages that such tables stand in."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from imports import ROOT

from stages import places
from studies import ablation
from studies.ablation_table import _EXPANSIONS, chance, lengths, table
from studies.choices import CHOICES, COMMON, settings_of
from voicepack.errors import VoicepackError
from voicepack.files import read_table
from voicepack.markdown import markdown_table, put_table


def row(choice: str, voice: str, likeness: float, curve: float = 0.5) -> dict[str, Any]:
    return {
        "choice": choice, "voice": voice, "commit": "abc", "likeness_normalised": likeness, "wer": 0.02, "dnsmos": 3.2,
        "f0_mean_ratio": 1.05, "rate_ratio": 1.0, "phonemes_1-10": curve, "phonemes_11-50": 0.5,
    }  # fmt: skip


def test_a_choice_for_a_voice_is_an_experiment() -> None:
    settings = [
        "train.steps=40", "train.lr=0.1", "train.adam_beta2=0.999", "train.prosody_clips=4", "evaluate.seeds=1",
        "expand.rows=curve", "expand.calibration_seconds=30", "expand.precision=float32", "train.losses.speaker=0",
    ]  # fmt: skip
    assert ablation.command("no speaker loss", "lj") == [
        "dvc", "exp", "run", "--queue", "--name", "ablation-no-speaker-loss-lj",
        *(part for each in settings for part in ("-S", each)), "evaluate@lj",
    ]  # fmt: skip


def test_every_choice_is_a_knob_of_params() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for choice in CHOICES:
        for name in settings_of(choice):
            value = params
            for key in name.split("."):
                assert key in value, name
                value = value[key]


def test_what_is_said_to_be_as_in_params_is() -> None:
    train = yaml.safe_load((ROOT / "params.yaml").read_text())["train"]
    stated = {f"train.{name}": value for name, value in train.items() if f"train.{name}" in COMMON}
    assert CHOICES[f"{train['steps']} steps as in params.yaml"] == stated


def test_later_experiments_add_to_earlier_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "ABLATION", tmp_path / "ablation.tsv")
    first, *_ = CHOICES
    ablation.keep([row("no prior", "ann", 0.3), row(first, "ann", 0.4)])
    kept = ablation.keep([row("no prior", "ann", 0.2), row(first, "ben", 0.6)])
    assert [(each["choice"], each["voice"], float(each["likeness_normalised"])) for each in kept] == [
        (first, "ann", 0.4), (first, "ben", 0.6), ("no prior", "ann", 0.2)
    ]  # fmt: skip
    assert len(read_table(tmp_path / "ablation.tsv")) == 3


def test_choices_are_compared_over_the_voices_that_have_both() -> None:
    first, *_ = CHOICES
    rows = table(
        [row(first, "ann", 0.4), row(first, "ben", 0.6), row("no prior", "ben", 0.5), row("no prior", "zoe", 0.9)]
    ).splitlines()
    values = "| 0.500 | 0.020 | 3.200 | 1.050 | 1.000 | 0.400 | 0.600 |  |"
    assert rows[2:4] == [f"| mean of the seeds {values}", f"| {first} {values}"]
    assert rows[4].startswith("| no prior loss | 0.500 (-0.100) | 0.020 (+0.000) |")
    assert rows[4].endswith("|  | 0.500 | 0.900 |")
    assert len(rows) == 5


def test_with_a_change_stands_what_chance_makes_of_it() -> None:
    likeness = {"40 steps": (0.1, 0.6), "seed 1": (0.2, 0.6), "seed 2": (0.3, 0.6)}
    rows = [
        row(choice, voice, value) for choice, both in likeness.items() for voice, value in zip("ab", both, strict=True)
    ]
    rows += [row("seed 1", "with one seed alone", 0.9), row("no prior", "a", 0.5)]
    one_training = 2.776 * math.sqrt(0.01 / 2)
    assert chance(rows, "likeness_normalised") == pytest.approx(one_training, abs=1e-3)
    last = table(rows).splitlines()[-1]
    within = one_training * math.sqrt(1 + 1 / 3)  # of one training beside the mean of three
    assert last.startswith(f"| no prior loss | 0.500 (+0.300 ± {within:.3f}) | 0.020 (+0.000 ± 0.000) |")
    assert math.isnan(chance(rows[:2], "likeness_normalised"))


def test_what_shares_a_training_is_compared_with_that_voice_by_voice() -> None:
    rows = [row("40 steps", voice, 0.4) for voice in "abc"] + [row("seed 1", voice, 0.9) for voice in "abc"]
    rows += [row("flat rows", voice, value) for voice, value in zip("abc", (0.4, 0.5, 0.6), strict=True)]
    (flat,) = (line for line in table(rows).splitlines() if "flat" in line)
    assert flat.startswith(f"| flat rows | 0.500 (+0.100 ± {4.303 * 0.1 / math.sqrt(3):.3f}) |")


def test_expansions_are_compared_by_length() -> None:
    curved, flat = _EXPANSIONS.values()
    rows = [row(curved, "ann", 0.4, 0.75), row(curved, "ben", 0.4, 0.0), row(flat, "ann", 0.4, 0.25)]
    assert lengths(rows).splitlines() == [
        "| phonemes | 1-10 | 11-50 |",
        "| --- | --- | --- |",
        "| rows that change with length | 0.750 | 0.500 |",
        "| 510 equal rows | 0.250 | 0.500 |",
    ]
    assert lengths(rows[:2]) == "Not measured yet."


def test_likeness_is_normalised_by_length_where_there_is_a_scale() -> None:
    lengths = [
        {"bucket": "1-10", "likeness": 0.6, "likeness_floor": 0.5, "likeness_ceiling": 0.9},
        {"bucket": "11-50", "likeness": 0.8, "likeness_floor": 0.7, "likeness_ceiling": 0.7},
        {"bucket": "51-100", "likeness": 0.8, "likeness_floor": 0.7, "likeness_ceiling": math.nan},
    ]
    assert ablation.likeness_by_length(lengths) == pytest.approx({"phonemes_1-10": 0.25})


def test_what_was_not_measured_is_left_blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "ABLATION", tmp_path / "ablation.tsv")
    curved, flat = _EXPANSIONS.values()
    rows = [row(curved, "ann", 0.4), row(flat, "ann", 0.3), row(curved, "ben", math.nan)]
    del rows[1]["phonemes_1-10"]
    kept = ablation.keep([*rows, row("a choice of long ago", "ann", 0.9)])
    assert len(kept) == 3
    assert table(kept).splitlines()[3] == f"| {curved} | 0.400 | 0.020 | 3.200 | 1.050 | 1.000 | 0.400 |  |"
    assert lengths(kept).splitlines()[0] == "| phonemes | 11-50 |"


def test_without_voices_nothing_is_queued(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ablation.main(["queue"])
    assert "required: NAME" in capsys.readouterr().err


def test_what_dvc_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "experiments", dict)
    monkeypatch.setattr(ablation, "command", lambda *_: ["false", "lj"])
    with pytest.raises(VoicepackError, match=r"^`false lj` failed with exit code 1\.$"):
        ablation.main(["queue", "lj"])


def test_without_results_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "ABLATION", tmp_path / "ablation.tsv")
    with pytest.raises(VoicepackError, match="no experiment is done"):
        ablation.keep([])


def test_a_table_goes_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- step -->\nold\n<!-- end of step -->\nafter\n")
    table = markdown_table(("a", "b"), [("1", r"\2")])
    for _ in range(2):
        put_table(page, "step", table)
        text = page.read_text()
        assert text == "before\n<!-- step -->\n| a | b |\n| --- | --- |\n| 1 | \\2 |\n<!-- end of step -->\nafter\n"
    with pytest.raises(VoicepackError, match=r"page\.md: no place marked '<!-- stages -->'"):
        put_table(page, "stages", table)
