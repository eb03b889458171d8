"""The table of what each choice is worth, and the pages that such tables stand in."""

from pathlib import Path

import pytest
import yaml
from imports import ROOT

from stages import ablation
from voicepack.errors import VoicepackError
from voicepack.markdown import markdown_table, put_table


def metrics(likeness: float) -> dict[str, float]:
    return {"likeness_normalised": likeness, "wer": 0.02, "dnsmos": 3.2, "f0_mean_ratio": 1.05, "rate_ratio": 1.0}


def test_a_choice_is_an_experiment() -> None:
    assert ablation.command("no speaker loss", ["lj", "ann"]) == [
        "dvc", "exp", "run", "--queue", "--name", "ablation-no-speaker-loss", "-S", "train.steps=40",
        "-S", "evaluate.seeds=[0]", "-S", "train.losses.speaker=0", "evaluate@lj", "evaluate@ann",
    ]  # fmt: skip


def test_every_choice_is_a_knob_of_params() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for choice in ablation.CHOICES:
        for name in ablation.settings_of(choice):
            value = params
            for key in name.split("."):
                assert key in value, name
                value = value[key]


def test_a_voice_that_a_choice_was_not_made_for_is_one_line() -> None:
    lock = {
        "train@ann": {"params": {"params.yaml": {"train": {"steps": 40, "losses": {"prior": 0}}}}},
        "evaluate@ann": {"params": {"params.yaml": {"evaluate": {"seeds": [0]}}}},
    }
    ablation.check(lock, "no prior", "ann")
    for choice, voice in (("no prior", "ben"), ("no timbre loss", "ann")):
        with pytest.raises(VoicepackError, match=f"'{choice}' was not made for voice {voice}"):
            ablation.check(lock, choice, voice)


def test_choices_are_compared_voice_by_voice() -> None:
    rows = ablation.table(
        {
            "as in params.yaml": {"ann": metrics(0.4), "ben": metrics(0.6)},
            "no prior": {"ann": metrics(0.3), "ben": metrics(0.4)},
        }
    ).splitlines()
    assert len(rows) == 4
    assert rows[2] == "| as in params.yaml | 0.500 |  | 0.400 | 0.600 | 0.020 | 3.200 | 1.050 | 1.000 |"
    assert rows[3].startswith("| no prior | 0.350 | -0.150 (-0.200 to -0.100) | 0.300 | 0.400 |")


def test_expansions_are_compared_by_length(monkeypatch: pytest.MonkeyPatch) -> None:
    header = "bucket\tlikeness\tlikeness_floor\tlikeness_ceiling"
    tables = {
        ("metrics/lengths/ann.tsv", "curved"): f"{header}\n1-10\t0.6\t0.5\t0.9\n11-50\t0.8\t0.7\t0.9\n",
        ("metrics/lengths/ben.tsv", "curved"): f"{header}\n1-10\t0.8\t0.5\t0.9\n11-50\t0.8\t0.7\t0.9\n",
        ("metrics/lengths/ann.tsv", "flat"): f"{header}\n1-10\t0.5\t0.5\t0.9\n11-50\t0.7\t0.7\t0.9\n",
        ("metrics/lengths/ben.tsv", "flat"): f"{header}\n1-10\t0.5\t0.5\t0.9\n11-50\t0.9\t0.7\t0.9\n",
    }
    monkeypatch.setattr("dvc.api.read", lambda path, rev: tables[path, rev])
    rows = ablation.lengths({"40 steps": "curved", "flat rows": "flat"}, ["ann", "ben"]).splitlines()
    assert rows[0] == "| phonemes | 1-10 | 11-50 |"
    assert rows[2:] == ["| rows that change with length | 0.500 | 0.500 |", "| 510 equal rows | 0.000 | 0.500 |"]


def test_without_voices_or_results_it_is_one_line() -> None:
    with pytest.raises(VoicepackError, match="use `queue NAME"):
        ablation.main(["table"])
    with pytest.raises(VoicepackError, match="no experiment is done"):
        ablation.done(["nobody"])


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
