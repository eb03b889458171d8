"""The losses of training at a voice vector, and whose true vector is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from recordings import clip_of
from test_training import PHONEMES, TRAINING
from torch import Tensor

from studies import recovery
from voicepack.alignment import align
from voicepack.errors import VoicepackError
from voicepack.kokoro import Kokoro
from voicepack.rows import RowCurve, base_vector
from voicepack.voice_losses import VoiceLosses


@pytest.mark.slow
def test_the_voice_that_spoke_has_lower_losses_than_another(
    kokoro: Kokoro, stock_packs: dict[str, Tensor], tmp_path: Path
) -> None:
    rows = RowCurve.fit(stock_packs.values())
    own, other = (base_vector(stock_packs[name]) for name in ("af_sarah", "bm_lewis"))
    clips = []
    for number, phonemes in enumerate(PHONEMES):
        audio = kokoro.render(phonemes, rows.expand(own), seed=number)
        clips.append(clip_of(audio, tmp_path / f"{number}.wav", phonemes))
    aligned = align(kokoro, clips, own[None])
    losses = VoiceLosses(kokoro, stock_packs)
    at_own, at_other = (recovery.mean_losses(losses, aligned, voice, TRAINING) for voice in (own, other))
    for name in ("mel", "mel_statistics", "timbre", "f0", "f0_statistics"):
        assert at_own[name] < at_other[name], name


def test_of_a_real_speaker_no_true_vector_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_text("voices: {me: {data: recordings}}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VoicepackError, match=r"truth\.safetensors: no such file\. Only a synthetic speaker's"):
        recovery.main(["me"])


def test_without_a_voice_it_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        recovery.main([])
    assert "required: NAME" in capsys.readouterr().err
