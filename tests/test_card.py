"""The card of a voice, and publishing, which shows what it would send before it sends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from imports import ROOT

from stages import places
from stages.card import CardSettings, card_of
from tools import publish
from voicepack.card import voice_card
from voicepack.errors import VoicepackError
from voicepack.files import write_json, write_tensors

ABOUT = {
    "name": "me", "speaker": "Ann: Example", "licence": "CC BY 4.0", "consent": "given in writing",
    "data_sha256": "d" * 64, "weights_sha256": "e" * 64,
}  # fmt: skip
METRICS = {"likeness_normalised": 0.25, "wer": 0.01, "wer_floor": 0.02, "wer_noise": 0.001, "unlisted": 1.0}


def card(**about: str) -> tuple[dict[str, Any], str]:
    """Return the header and the text of a card."""
    text = voice_card(ABOUT | about, METRICS, base_model="hexgrad/Kokoro-82M", language="en", lang_code="b")
    _, header, body = text.split("---\n", 2)
    return yaml.safe_load(header), body


def test_the_header_is_what_hubs_read() -> None:
    header, _ = card()
    assert header["license"] == "cc-by-4.0"
    assert header["base_model"] == "hexgrad/Kokoro-82M"
    assert header["language"] == ["en"]
    (result,) = header["model-index"][0]["results"]
    assert {each["type"]: each["value"] for each in result["metrics"]} == {"likeness_normalised": 0.25, "wer": 0.01}
    from huggingface_hub import ModelCard

    ModelCard("---\n" + yaml.safe_dump(header) + "---\n")  # raises if a name or a value is not the hub's


def test_a_licence_that_hubs_do_not_know_is_named() -> None:
    header, _ = card(licence="public domain")
    assert header["license"] == "other"
    assert header["license_name"] == "public domain"


def test_the_text_says_who_spoke_with_what_right_and_how_good_it_is() -> None:
    _, body = card()
    for said in ("Ann: Example", "CC BY 4.0", "given in writing", "d" * 64, "e" * 64, 'code="b"', 'voice="me.pt"'):
        assert said in body
    assert "| word error rate | 0.010 | 0.020 | 0.001 |" in body


def test_what_is_stated_cannot_break_the_table() -> None:
    _, body = card(consent="given|by letter\nin May")
    assert "| consent | given\\|by letter in May |" in body


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a finished voice `me`, as the working directory."""
    monkeypatch.chdir(tmp_path)
    voice = {"data": "x", "speaker_name": "Ann", "licence": "CC0-1.0", "consent": "given"}
    settings = {"base_model": "hexgrad/Kokoro-82M", "language": "en"}
    Path("params.yaml").write_text(
        yaml.safe_dump({"voices": {"me": voice}, "card": settings, "prepare": {"language": "b"}})
    )
    packs = [places.pack("me").with_suffix(each) for each in (".pt", ".npz")]
    for path in [*packs, places.voice_samples("me") / "test_1.wav"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {path.name}")
    about = ABOUT | {"speaker": "Ann", "licence": "CC0-1.0", "consent": "given"}
    write_tensors(places.pack("me").with_suffix(".safetensors"), {"voice": torch.zeros(1)}, about)
    write_json(places.measures("me"), METRICS)
    places.card("me").parent.mkdir(parents=True)
    places.card("me").write_text(card_of("me", CardSettings(**settings)))
    return tmp_path


class Hub:
    """Takes what `publish` sends, in the place of huggingface_hub.HfApi."""

    sent: dict[str, bytes]

    def create_repo(self, repository: str, exist_ok: bool) -> None:
        assert exist_ok

    def create_commit(self, repository: str, operations: list[Any], commit_message: str) -> SimpleNamespace:
        Hub.sent = {each.path_in_repo: Path(each.path_or_fileobj).read_bytes() for each in operations}
        return SimpleNamespace(commit_url=f"hub/{repository}")


def test_it_shows_what_it_would_send_and_sends_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish.main(["me", "ann/me"])
    shown = capsys.readouterr().out
    for name in ("README.md", "me.pt", "me.safetensors", "me.npz", "samples/me_1.wav", "| consent | given |"):
        assert name in shown
    assert shown.endswith("Nothing was sent. Add --send to publish this at ann/me.\n")


def test_a_card_of_an_earlier_pack_is_not_published(project: Path) -> None:
    """`dvc repro evaluate@me` makes the pack and its measures anew, and leaves the card."""
    write_json(places.measures("me"), METRICS | {"likeness_normalised": 0.5})
    with pytest.raises(VoicepackError, match=r"me\.md: of an earlier pack\. Run `dvc repro card@me`"):
        publish.main(["me", "ann/me"])


def test_it_sends_what_it_showed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    publish.main(["me", "ann/me", "--send"])
    assert "Sent: hub/ann/me" in capsys.readouterr().out
    assert Hub.sent["README.md"] == places.card("me").read_bytes()
    assert Hub.sent["me.npz"] == b"content of me.npz"
    assert sorted(Hub.sent) == ["README.md", "me.npz", "me.pt", "me.safetensors", "samples/me_1.wav"]


@pytest.mark.parametrize(
    ("repository", "reason"), [("ann/me", "Connection refused"), ("no/such/name", "Repo id must be in the form")]
)
def test_a_hub_that_is_away_or_refuses_is_one_line(project: Path, repository: str, reason: str) -> None:
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": "nobody's", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tools.publish", "me", repository, "--send"]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert line.startswith(f"publish: nothing was published at {repository} (")
    assert reason in line


@pytest.mark.parametrize("field", ["speaker_name", "licence", "consent"])
def test_what_nobody_may_use_is_not_published(project: Path, field: str) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    del params["voices"]["me"][field]
    Path("params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(VoicepackError, match=rf"voices\.me\.{field} is not stated"):
        publish.files_of("me")


def test_a_pack_that_carries_other_words_than_are_stated_is_not_published(project: Path) -> None:
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("given", "given in writing"))
    with pytest.raises(VoicepackError, match=r"carries other words than params\.yaml states\. Run `dvc repro card@me`"):
        publish.files_of("me")


def test_a_voice_that_is_not_made_yet_is_one_line(project: Path) -> None:
    places.card("me").unlink()
    with pytest.raises(VoicepackError, match=r"models/cards/me\.md: not there\. Run `dvc repro card@me`"):
        publish.files_of("me")
