"""Speech to learn from: rendered by Kokoro, so that the voice vector behind it is known.

Every clip is drawn from its own number, so any process can render any clip, a broken run goes on where it stopped,
and the result does not depend on who rendered what. A shard of clips is one file.

On a CPU clips are spoken by workers of one thread each: on two cores with other work to do they were twice as fast as
two threads of one process, and every bit of a clip is the same on any number of cores, where sums in several threads
are rounded in another order. A GPU has no more workers than it has room for.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from voicepack.audio import from_int16, to_int16
from voicepack.device import speakers_at_once
from voicepack.files import read_tensors, write_tensors
from voicepack.kokoro import Kokoro, row_of
from voicepack.processes import processes
from voicepack.text import phonemize, sentences
from voicepack.voices import HELD_OUT, VoiceSpace, draw_pack, training_voices
from voicepack.workers import Workers

SHARD_CLIPS = 32
LONGEST = 60  # phonemes in a drawn clip, about 4 s
_STOCK_CLIPS = 2  # per stock voice, about 5 s each
HELD_OUT_CLIPS = 7  # per held-out voice: over 30 s
_HELD_OUT_EVERY = 20  # every twentieth sentence is kept from the encoder


@dataclass(frozen=True)
class Speech:
    """Rendered clips and what they were rendered with."""

    audio: list[Tensor]  # float [samples] each, 24 kHz
    voices: Tensor  # [N, 256], the row that spoke


@dataclass(frozen=True)
class Line:
    """What a clip says, and how."""

    phonemes: str
    voice: Tensor  # [1, 256]
    speed: float
    seed: int


class RenderedSpeech:
    """Rendered speech, kept in a folder from which it is read again. Rendering happens when something is missing."""

    def __init__(
        self, folder: Path, load_kokoro: Callable[[], Kokoro], packs: Mapping[str, Tensor], weights_sha256: str
    ) -> None:
        """`folder` gets one subfolder per weights, and in it a file per shard, named by what is said in it and how.

        Several processes must all see the same folder. Every worker calls `load_kokoro`, so it must pickle.
        """
        self._load_kokoro, self._packs = load_kokoro, packs
        self._folder = folder / weights_sha256[:12]

    def drawn(self, shards: range) -> Speech:
        """Return clips of voices drawn around the training voices, 32 to a shard; each shard number is its own draw."""
        phonemes = _phonemes(held_out=False)
        speech = self._spoken([draw_lines(self._packs, phonemes, shard) for shard in shards])
        return Speech([clip for part in speech for clip in part.audio], torch.cat([part.voices for part in speech]))

    def stock(self, names: Sequence[str]) -> Speech:
        """Return clips of stock voices speaking sentences held out from the encoder: two per voice, in order."""
        (speech,) = self._spoken([stock_lines(self._packs, _phonemes(held_out=True), _STOCK_CLIPS)])
        every = sorted(self._packs)
        chosen = [every.index(name) * _STOCK_CLIPS + clip for name in names for clip in range(_STOCK_CLIPS)]
        return Speech([speech.audio[index] for index in chosen], speech.voices[chosen])

    def held_out(self) -> Speech:
        """Return seven clips of every held-out voice, sorted by name, of sentences held out from the encoder."""
        packs = {name: self._packs[name] for name in HELD_OUT}
        (speech,) = self._spoken([stock_lines(packs, _phonemes(held_out=True), HELD_OUT_CLIPS)])
        return speech

    def _spoken(self, shards: Sequence[Sequence[Line]]) -> list[Speech]:
        """Return shards, spoken now where that has not been done before.

        Several processes (`voicepack.processes`) share the missing ones out among themselves; each is written when it
        is done.
        """
        state, paths = processes(), [self._path(lines) for lines in shards]
        missing = [index for index, path in enumerate(paths) if not path.exists()]
        state.wait_for_everyone()  # the same list for all: nobody writes before everybody has looked
        mine = missing[state.process_index :: state.num_processes]
        if mine:
            for index, speech in zip(mine, self._render([shards[index] for index in mine]), strict=True):
                _write_speech(paths[index], speech)
        state.wait_for_everyone()
        return [_read_speech(path) for path in paths]

    def _path(self, lines: Sequence[Line]) -> Path:
        contents = hashlib.sha256()
        for line in lines:
            contents.update(repr((line.phonemes, line.speed, line.seed)).encode() + line.voice.numpy().tobytes())
        return self._folder / f"{contents.hexdigest()[:16]}.safetensors"

    def _render(self, parts: Sequence[Sequence[Line]]) -> Iterator[Speech]:
        """Yield each part in order, as soon as it is spoken."""
        lines = list(itertools.chain.from_iterable(parts))
        with self._speakers() as speak:
            hidden = not processes().is_main_process
            audio = iter(tqdm(speak(lines), "render", len(lines), unit="clip", disable=hidden))
            for part in parts:
                yield Speech(list(itertools.islice(audio, len(part))), torch.cat([line.voice for line in part]))

    @contextlib.contextmanager
    def _speakers(self) -> Iterator[Callable[[Iterable[Line]], Iterator[Tensor]]]:
        """Yield what turns lines into audio `[samples]`, in order."""
        device = processes().device
        count = speakers_at_once(device)
        if device.type == "cpu" or count > 1:
            with Workers(self._load_kokoro, count) as workers:
                yield functools.partial(workers.map, _speak)
        else:
            yield functools.partial(map, functools.partial(_speak, self._load_kokoro()))


def draw_lines(packs: Mapping[str, Tensor], phonemes: Sequence[str], shard: int) -> list[Line]:
    """Draw clips `32 * shard …`, of packs that `draw_pack` draws around the training voices.

    A clip speaks a stretch of whole words, at a speed of 0.8 to 1.2, with any row of the pack: the row need not fit
    the length, since it is the row that the encoder must read. Short clips make the most of the machine: what the
    encoder lacks is voices, not seconds.
    """
    allowed = training_voices(packs)
    space = VoiceSpace.fit(allowed)
    lines = []
    for number in range(shard * SHARD_CLIPS, (shard + 1) * SHARD_CLIPS):
        generator = torch.Generator().manual_seed(number)
        pack = draw_pack(allowed, space, generator)
        # Rows change fast at the short end: flat on a log scale from row 19 to row 508.
        row = int(20 * (510 / 20) ** float(torch.rand((), generator=generator))) - 1
        text = int(torch.randint(len(phonemes), (), generator=generator))
        speed = 0.8 + 0.4 * float(torch.rand((), generator=generator))
        lines.append(Line(_stretch(phonemes[text], generator), pack[row].clone(), speed, number))
    return lines


def stock_lines(packs: Mapping[str, Tensor], phonemes: Sequence[str], clips: int) -> list[Line]:
    """Let stock voices, sorted by name, say `clips` sentences each of 60 to 85 phonemes, with KPipeline's row."""
    fitting = [text for text in phonemes if 60 <= len(text) <= 85]
    lines = []
    for number, (_, pack) in enumerate(sorted(packs.items())):
        for clip in range(clips):
            text = fitting[(number * clips + clip) % len(fitting)]
            lines.append(Line(text, row_of(pack, text).clone(), 1.0, clip))
    return lines


def _speak(kokoro: Kokoro, line: Line) -> Tensor:
    return kokoro.render(line.phonemes, line.voice, speed=line.speed, seed=line.seed)


def _phonemes(*, held_out: bool) -> list[str]:
    """Return the training sentences as phonemes: those kept from the encoder, or all others."""
    every = enumerate(sentences("training"))
    return [phonemize(text) for index, text in every if (index % _HELD_OUT_EVERY == 0) == held_out]


def _stretch(phonemes: str, generator: torch.Generator) -> str:
    """Cut a random stretch of whole words, a third of LONGEST to LONGEST phonemes."""
    length = int(torch.randint(LONGEST // 3, LONGEST + 1, (), generator=generator))
    start = int(torch.randint(max(len(phonemes) - length, 0) + 1, (), generator=generator))
    start = phonemes.rfind(" ", 0, start) + 1
    end = phonemes.rfind(" ", start + 1, start + length) if len(phonemes) - start > length else len(phonemes)
    return phonemes[start:end] if end > start else phonemes[start : start + length]


def _write_speech(path: Path, speech: Speech) -> None:
    """Keep speech as 16-bit samples, about 3 MB per minute."""
    pcm = [to_int16(clip) for clip in speech.audio]
    samples = torch.tensor([len(clip) for clip in pcm])
    write_tensors(path, {"audio": torch.cat(pcm), "samples": samples, "voices": speech.voices})


def _read_speech(path: Path) -> Speech:
    tensors, _ = read_tensors(path)
    clips = tensors["audio"].split(tensors["samples"].tolist())
    return Speech([from_int16(clip) for clip in clips], tensors["voices"])
