"""Rows fitted to a speaker's clips, and the table that compares them with the other ways to expand a vector."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from recordings import clip_of
from test_training import PHONEMES, TRAINING
from torch import Tensor

from studies import fitted_rows
from voicepack.alignment import align
from voicepack.files import read_table
from voicepack.fitted_rows import fit_rows, shift_deviation
from voicepack.kokoro import Kokoro
from voicepack.rows import RowCurve, base_vector
from voicepack.voice_losses import VoiceLosses, weighted


def test_how_far_shifts_lie_from_what_is_predicted_is_in_their_own_units() -> None:
    generator = torch.Generator().manual_seed(0)
    curve = torch.exp(-torch.arange(510) / 20)
    expected, spread = torch.randn(256, generator=generator), torch.linspace(0, 1, 256)
    rows = RowCurve(curve, torch.zeros(256), expected, torch.zeros(256, 256))
    shifts = expected + spread * torch.randn(400, 256, generator=generator)
    bases = torch.randn(400, 1, 256, generator=generator)
    packs = (bases + curve[:, None] * shifts[:, None])[:, :, None]
    torch.testing.assert_close(shift_deviation(rows, packs), spread, rtol=0.2, atol=1e-3)


@pytest.mark.slow
def test_a_voice_that_shifts_unlike_the_stock_voices_is_followed(
    kokoro: Kokoro, stock_packs: dict[str, Tensor], tmp_path: Path
) -> None:
    rows = RowCurve.fit(stock_packs.values())
    voice = base_vector(stock_packs["af_sarah"])
    deviation = shift_deviation(rows, stock_packs.values())
    unusual = 4 * deviation * torch.randn(256, generator=torch.Generator().manual_seed(1))
    pack = rows.expand(voice) + rows.curve[:, None, None] * unusual
    clips = []
    for number, phonemes in enumerate(PHONEMES):
        audio = kokoro.render(phonemes, pack, seed=number)
        clips.append(clip_of(audio, tmp_path / f"{number}.wav", phonemes))
    aligned = align(kokoro, clips, voice[None])
    losses = VoiceLosses(kokoro, stock_packs)

    def loss(some: RowCurve) -> float:
        losses.rows = some
        with torch.no_grad():
            return sum(float(weighted(losses.predictor(voice[None], clip), TRAINING.losses)) for clip in aligned)

    predicted = losses.rows
    fitted = fit_rows(
        losses, aligned, voice, deviation, replace(TRAINING, steps=10, window_seconds=0.5, prosody_clips=2)
    )
    assert losses.rows is predicted
    assert loss(fitted) < 0.9 * loss(rows)
    # It is short utterances that have moved.
    moved = (fitted.expand(voice) - rows.expand(voice)).norm(dim=2)[:, 0]
    assert moved[-1] < 0.1 * moved[0]


def line(rows: str, voice: str, likeness: float) -> dict[str, object]:
    return {"rows": rows, "voice": voice, "wer": 0.02, "dnsmos": 3.2, "phonemes_1-10": likeness, "cents_11-50": 140.0}


def test_each_kind_of_rows_is_a_line_of_means_over_the_voices() -> None:
    lines = [line("curve", "ann", 0.5), line("flat", "ann", 0.3), line("curve", "ben", 0.7), line("flat", "ben", 0.6)]
    assert fitted_rows.table(lines).splitlines() == [
        "| rows | likeness, 1-10 | F0 error in cents, 11-50 | wer | dnsmos |",
        "| --- | --- | --- | --- | --- |",
        "| curve | 0.600 | 140 | 0.020 | 3.200 |",
        "| flat | 0.450 | 140 | 0.020 | 3.200 |",
    ]


def test_a_voice_measured_again_takes_the_place_of_its_earlier_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fitted_rows.keep([line("curve", "ann", 0.5)])
    fitted_rows.keep([line("curve", "ben", 0.7)])
    fitted_rows.keep([line("curve", "ann", 0.6)])
    found = {row["voice"]: float(row["phonemes_1-10"]) for row in read_table(Path("metrics/rows.tsv"))}
    assert found == {"ann": 0.6, "ben": 0.7}


def test_without_voices_it_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fitted_rows.main([])
    assert "required: NAME" in capsys.readouterr().err
