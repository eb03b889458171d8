"""How natural speech sounds to networks that were taught by listeners, and what is plainly wrong with a render."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voicepack.audio import LISTENERS_RATE, at_16_khz, is_clipped, speech_level
from voicepack.clips import PHONEMES_PER_SECOND, SILENCE_DB
from voicepack.constants import SAMPLE_RATE
from voicepack.silence import trim_silence

_PIECE, _DNSMOS_PIECE = 7.68, 9.01  # seconds that DistillMOS and DNSMOS hear at once
# Of 58 clips of ten real speakers the longest pause inside is 0.95 s; of 30 of them the largest step is 16.
_LONGEST_PAUSE = 1.2  # seconds inside a sentence
_CLICK = 30.0  # see largest_step


class QualityNetworks:
    """Predicted mean opinion scores, 1 (bad) to 5 (excellent); weights in the packages.

    DNSMOS (Reddy et al. 2021, arXiv:2010.15258; overall quality of P.835) and DistillMOS (Stahl and Gamper 2025,
    arXiv:2502.05356). Neither has heard the speaker: they judge sound, not likeness.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Load both. DistillMOS listens on `device`, DNSMOS on the processor."""
        import distillmos
        import onnxruntime
        from speechmos import dnsmos

        models = Path(dnsmos.__file__).parent / "dnsmos_models"
        overall, p808 = str(models / "sig_bak_ovr.onnx"), str(models / "model_v8.onnx")
        self._dnsmos = dnsmos.DNSMOS(overall, p808)
        # Its own sessions take every core each, and wait for each other in a loop.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._dnsmos.onnx_sess = onnxruntime.InferenceSession(overall, options)
        self._dnsmos.p808_onnx_sess = onnxruntime.InferenceSession(p808, options)
        with contextlib.redirect_stdout(io.StringIO()):  # it says which weights it has loaded
            self._distillmos = distillmos.ConvTransformerSQAModel().eval().to(device)
        self._device = device

    @torch.no_grad()
    def scores(self, audio: Tensor) -> dict[str, float]:
        """Judge audio `[samples]` at 24 kHz: `dnsmos` and `distillmos`.

        Long audio is heard in equal pieces of at most 7.7 s and the scores averaged. The packages slide a window by a
        second instead, which costs six times as much: on six clips of 17 to 31 s the answers differ by 0.13 at most
        (DNSMOS) and 0.20 (DistillMOS).
        """
        wave = at_16_khz(audio.detach().cpu().float()).clamp(-1, 1)
        pieces = wave.tensor_split(-(-len(wave) // int(_PIECE * LISTENERS_RATE)))
        overall = [float(self._dnsmos(_repeated(piece), LISTENERS_RATE, False)["ovrl_mos"]) for piece in pieces]
        distilled = [float(self._distillmos(piece[None].to(self._device))) for piece in pieces]
        return {"dnsmos": fmean(overall), "distillmos": fmean(distilled)}


def _repeated(wave: Tensor) -> NDArray[np.float32]:
    """Repeat audio to what DNSMOS hears at once. The package doubles it instead, and hears the same again and again."""
    samples = int(_DNSMOS_PIECE * LISTENERS_RATE)
    return wave.repeat(-(-samples // len(wave)))[:samples].numpy()


def faults(render: Tensor, phoneme_count: int) -> list[str]:
    """Name what is plainly wrong with a render `[samples]` of so many phonemes; usually nothing.

    `silent`, `clipped`, `click` (one sample far off its neighbours), `pause` (inside, longer than any sentence
    needs), `too slow` and `too fast` (for anybody to speak).
    """
    if not render.isfinite().all() or speech_level(render) < SILENCE_DB:
        return ["silent"]
    speech = trim_silence(render)
    slowest, fastest = PHONEMES_PER_SECOND
    rate = phoneme_count / (len(speech) / SAMPLE_RATE)
    # The two ends of a render belong to every sentence; in the shortest they are most of it.
    found = {
        "clipped": is_clipped(render) or float(render.abs().max()) >= 1,
        "click": largest_step(speech) > _CLICK,
        "pause": longest_pause(speech) > _LONGEST_PAUSE,
        "too slow": phoneme_count > 20 and rate < slowest,
        "too fast": rate > fastest,
    }
    return [name for name, wrong in found.items() if wrong]


def largest_step(audio: Tensor) -> float:
    """Return the largest second difference of audio `[samples]`, in medians of those of its loud 25 ms frames."""
    frame = SAMPLE_RATE // 40
    if len(audio) < frame + 2:
        return 0.0
    steps = audio.diff(n=2).abs().unfold(0, frame, frame).amax(1)
    spoken = steps[steps > 0.03 * steps.quantile(0.9)]  # without this, silence around a word would count as loud
    loud = spoken[spoken >= spoken.quantile(0.5)] if len(spoken) else steps
    return float(steps.max() / loud.median().clamp_min(1e-6))


def longest_pause(speech: Tensor) -> float:
    """Return the longest silence inside speech `[samples]` in seconds: 40 dB below its level."""
    frame = SAMPLE_RATE // 100
    levels = speech.unfold(0, frame, frame).square().mean(1).clamp_min(1e-12).log10() * 10
    quiet = (levels < speech_level(speech) - 40).tolist()
    longest = run = 0
    for each in quiet:
        run = run + 1 if each else 0
        longest = max(longest, run)
    return longest * frame / SAMPLE_RATE
