"""Speaking sentences with several voices on all cores, and measuring each render as it comes."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from voicepack.alignment import AlignedClip, align
from voicepack.clips import Clip
from voicepack.comparison import compare
from voicepack.constants import SAMPLE_RATE
from voicepack.device import speakers_at_once, speaking_device
from voicepack.intelligibility import Transcriber, count_errors
from voicepack.kokoro import Kokoro, row_of
from voicepack.likeness import embed_render
from voicepack.losses import MelLoss
from voicepack.pitch import f0_curve
from voicepack.processes import core_share
from voicepack.quality import QualityNetworks, faults
from voicepack.renders import REAL, Measured, Render
from voicepack.sentence import Recording, Sentence
from voicepack.speaker_encoder import load_speaker_encoder
from voicepack.workers import Workers


@dataclass(frozen=True)
class Hearing:
    """What renders are heard with, as it goes to the workers."""

    kokoro: Path  # the folder of the weights
    judge: str  # as in load_speaker_encoder
    reference: Tensor  # [D], the speaker's embedding: see voicepack.floor_and_ceiling.reference_embedding
    stock_speakers: Tensor  # [V, D], those of the stock voices

    def recognise(self, embedding: Tensor) -> tuple[float, float]:
        """Return the cosine of an embedding `[D]` with the speaker, and 1 if no stock voice is nearer, else 0."""
        likeness = float(embedding @ self.reference)
        return likeness, float(likeness > float((self.stock_speakers @ embedding).max()))


@dataclass(frozen=True)
class Utterance:
    """One sentence for one worker: to be spoken by each voice, with each seed."""

    sentence: Sentence
    rows: Mapping[str, Tensor]  # voice vectors [1, 256] by voice
    seeds: Sequence[int]
    real: bool


def listeners(hearing: Hearing) -> Workers[Listener]:
    """Return workers that speak and listen; a context. They speak on a CUDA GPU if it has room for enough of them."""
    device = speaking_device()
    count = speakers_at_once(device)
    if 2 * count < core_share():  # half of their work is listening, which takes cores
        device, count = torch.device("cpu"), core_share()
    return Workers(functools.partial(Listener, hearing, device), count)


def speak(
    workers: Workers[Listener],
    sentences: Sequence[Sentence],
    packs: Mapping[str, Tensor],
    *,
    seeds: Sequence[int] = (0,),
    real: bool = False,
) -> list[Render]:
    """Speak every sentence with every pack `[510, 1, 256]` and every seed, and measure all renders.

    Long sentences are spoken with the first seed only. With `real` the recordings are measured too, as the voice
    `real`. Sorted by voice, then sentence, then seed.
    """
    # The longest first, so that no core is left with one at the end.
    order = sorted(sentences, key=lambda each: -len(each.phonemes))
    tasks = [
        Utterance(
            each,
            {voice: row_of(pack, each.phonemes) for voice, pack in packs.items()},
            seeds[:1] if each.long else seeds,
            real,
        )
        for each in order
    ]
    spoken = list(tqdm(workers.map(Listener.hear, tasks), "speak and listen", len(tasks), unit="sentence"))
    places = {name: place for place, name in enumerate([*packs, REAL, *(each.name for each in sentences)])}
    renders = (each for some in spoken for each in some)
    return sorted(renders, key=lambda each: (places[each.voice], places[each.sentence], each.seed))


def say(workers: Workers[Listener], texts: Sequence[str], pack: Tensor) -> list[Tensor]:
    """Speak phonemes of texts with a pack `[510, 1, 256]` without measuring anything: audio `[samples]` of each."""
    return list(workers.map(Listener.say, [(phonemes, pack) for phonemes in texts]))


def align_clips(workers: Workers[Listener], clips: Sequence[Clip], pack: Tensor) -> list[AlignedClip]:
    """Align clips as `voicepack.alignment.align` does, with renderings by a pack `[510, 1, 256]`."""
    return list(workers.map(Listener.align, [(clip, pack) for clip in clips]))


class Listener:
    """A worker's Kokoro and ears."""

    def __init__(self, hearing: Hearing, device: torch.device) -> None:
        self._kokoro = Kokoro(hearing.kokoro, device)
        self._judge = load_speaker_encoder(hearing.judge)
        self._hearing = hearing
        self._transcriber, self._quality = Transcriber(), QualityNetworks(device)

    def hear(self, task: Utterance) -> list[Render]:
        """Speak a sentence and measure every render of it."""
        sentence = task.sentence
        renders = []
        for voice, row in task.rows.items():
            for seed in task.seeds:
                audio = self._kokoro.render(sentence.phonemes, row, seed=seed)
                renders.append(self._measure(voice, sentence, seed, audio, row))
        if task.real and sentence.recording is not None:
            renders.append(self._measure(REAL, sentence, 0, sentence.recording.audio, None))
        return renders

    def say(self, task: tuple[str, Tensor]) -> Tensor:
        """Speak phonemes with a pack."""
        phonemes, pack = task
        return self._kokoro.render(phonemes, pack)

    def align(self, task: tuple[Clip, Tensor]) -> AlignedClip:
        """Align a clip with a rendering by a pack."""
        clip, pack = task
        (aligned,) = align(self._kokoro, [clip], pack)
        return aligned.to("cpu")

    def _measure(self, voice: str, sentence: Sentence, seed: int, audio: Tensor, row: Tensor | None) -> Render:
        embedding = embed_render(self._judge, audio)
        likeness, retrieved = self._hearing.recognise(embedding)
        heard = self._transcriber.transcribe(audio)
        wrong = faults(audio, len(sentence.phonemes))
        compared: dict[str, float] = {}
        f0 = None
        if sentence.recording is not None and row is not None:
            f0 = f0_curve(audio)
            compared = self._compare(sentence, sentence.recording, audio, f0, row, seed)
        return Render(
            voice=voice,
            sentence=sentence.name,
            held_out=sentence.held_out,
            seed=seed,
            phoneme_count=len(sentence.phonemes),
            measured=Measured(
                seconds=len(audio) / SAMPLE_RATE,
                likeness=likeness,
                retrieved=retrieved,
                **count_errors(sentence.text, heard),
                **(self._quality.scores(audio) if "silent" not in wrong else {"dnsmos": 1.0, "distillmos": 1.0}),
                faulty=float(bool(wrong)),
                **compared,
            ),
            faults=", ".join(wrong),
            heard=heard,
            embedding=embedding,
            audio=audio if seed == 0 else None,
            f0=f0 if seed == 0 else None,
        )

    @torch.no_grad()
    def _compare(
        self, sentence: Sentence, real: Recording, audio: Tensor, f0: Tensor, row: Tensor, seed: int
    ) -> dict[str, float]:
        text = self._kokoro.encode_text(sentence.phonemes)
        # Spoken with the recording's own timing, pitch and loudness: what differs then is timbre.
        said = (each.to(self._kokoro.device) for each in (real.frames, real.f0, real.energy, row))
        copy = self._kokoro.decode(text, *said, seed=seed)
        mel_loss = float(MelLoss()(copy.cpu(), real.audio, real.bandwidth))
        return {"mel_loss": mel_loss, **compare(audio, real.audio, f0, real.f0[0])}
