"""The recipe that this project's idea comes from, as a baseline.

`train_styletts2_to_kokoro` of aimerib/kokoro-voices (training_styletts2.py at commit 86305a2): the mean style vector of
the recordings is the one input of a network, which is trained on losses of its own output; no loss passes through
Kokoro. A head on the voice vector learns the recordings' mean mel, and the vector is pulled towards a norm of 0.1,
where stock voices have 3. Constants, losses and their weights are the original's. Two things are
left out, because they change nothing that is learned: recordings are not cut to the length of a rendering first, and
failures are errors, where the original goes on with random vectors.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torchaudio.transforms import MelSpectrogram

from voicepack.constants import SAMPLE_RATE
from voicepack.rows import ROWS

_LR = 1e-3
_CLIPS_PER_EPOCH, _MOST_CLIPS = 5, 20
_NORM = 0.1


def origin_pack(style: Tensor, clips: Iterable[Tensor], *, epochs: int = 100, seed: int = 0) -> Tensor:
    """Make a pack `[510, 1, 256]` from a mean style `[256]` and recordings `[samples]` as the origin does.

    It looks at 20 of them: the others are not asked for.
    """
    mel = MelSpectrogram(SAMPLE_RATE, n_fft=1024, hop_length=256, n_mels=80, power=1)
    profiles = [mel(clip).mean(1) for clip in islice(clips, _MOST_CLIPS)]  # [80] each
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = _network()
        head = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 80), nn.Tanh())
        parameters = [*network.parameters(), *head.parameters()]
        optimizer = torch.optim.Adam(parameters, _LR)
        for _ in range(epochs):
            for index in torch.randperm(len(profiles))[:_CLIPS_PER_EPOCH].tolist():
                voice = network(style[None])
                optimizer.zero_grad()
                _loss(voice, head(voice[0]), profiles[index]).backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
    with torch.no_grad():
        return ramp(network.eval()(style[None])[0])


def ramp(voice: Tensor) -> Tensor:
    """Expand a voice vector `[256]` as the origin does, `[510, 1, 256]`: row i is `voice (1 + 0.05 i / 510)`."""
    return (voice * (1 + 0.05 * torch.arange(ROWS)[:, None] / ROWS))[:, None]


def _network() -> nn.Sequential:
    layers = nn.Sequential(
        nn.Linear(256, 512), nn.LayerNorm(512), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(512, 512), nn.LayerNorm(512), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(512, 256), nn.Tanh(),
    )  # fmt: skip
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, gain=0.1)
            nn.init.zeros_(layer.bias)
    return layers


def _loss(voice: Tensor, predicted: Tensor, profile: Tensor) -> Tensor:
    spectral = mse_loss(predicted, profile)
    regularisation = 0.01 * voice.square().mean()
    norm = 0.1 * (voice.norm() - _NORM).square()
    smoothness = 0.01 * voice.square().mean()
    consistency = 0.001 * mse_loss(voice, 0.05 * torch.randn_like(voice))
    return spectral + regularisation + norm + smoothness + consistency
