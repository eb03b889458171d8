"""Long recordings cut at their pauses. Whatever they last, no more than a minute of them is in memory at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from voicepack.audio import check_rate, mono, opened
from voicepack.errors import VoicepackError

FRAMES_PER_SECOND = 40
_BLOCK_FRAMES = 60 * FRAMES_PER_SECOND
_LONGEST = 15 * FRAMES_PER_SECOND  # of a piece, where it has pauses: a sentence or a few
_UNBROKEN = 25 * FRAMES_PER_SECOND  # of a piece without: Kokoro speaks no more than 30 s at once
_SHORTEST = 2 * FRAMES_PER_SECOND  # that is cut off where no silence parts it from the rest
_PAUSE = FRAMES_PER_SECOND // 10  # shorter ones are within a word
_SILENCE = 1 * FRAMES_PER_SECOND  # longer than within a sentence: always cut at
_MARGIN = FRAMES_PER_SECOND // 4  # of the pause that stays with a piece, for its quiet first and last sounds
_QUIET_SOUNDS = 15.0  # dB below the loud ones, at least
_NOTHING = -90.0  # dB: below the noise of 16-bit samples, no part of the recording

Span = tuple[int, int]  # first frame, and the frame after the last


def pieces(path: Path) -> list[tuple[float, float]]:
    """Return where in a recording the pieces begin and end, in seconds: without the silence around them.

    A piece lasts some 15 s at most, 25 where the speaker makes no pause. Raises VoicepackError if the file is missing
    or holds no audio.
    """
    levels, seconds = frame_levels(path)
    return [(start * seconds, stop * seconds) for start, stop in cut(levels)]


def frame_levels(path: Path) -> tuple[NDArray[np.float32], float]:
    """Return the level in dB of every frame of a recording, `[frames]`, and how long a frame is, 25 ms to the sample.

    Channels become one as in `voicepack.audio.mono`, a block at a time. Raises VoicepackError if the file is missing,
    holds no audio, or has a rate that cannot be resampled.
    """
    levels = [np.zeros(0, np.float32)]
    with opened(path) as file:
        check_rate(path, file.samplerate)
        frame = max(round(file.samplerate / FRAMES_PER_SECOND), 1)
        for samples in file.blocks(_BLOCK_FRAMES * frame, dtype="float32", always_2d=True):
            frames = mono(torch.from_numpy(samples)).numpy()[: len(samples) // frame * frame].reshape(-1, frame)
            # The variance: without the offset of a recorder, which would count as sound in silence.
            levels.append(10 * np.log10(frames.var(1) + 1e-12))
        return np.concatenate(levels), frame / file.samplerate


def cut(levels: NDArray[np.float32]) -> list[Span]:
    """Return the pieces of a recording whose frames have `levels` `[frames]` in dB, in order.

    It is cut at every silence of a second, and what is then longer than 15 s at its longest pause, again and again;
    what has no pause in 25 s where it is quietest.
    """
    heard = levels[levels > _NOTHING]
    if not len(heard):
        return []
    # Half-way between room and speech, of which a hundredth of the recording is enough; one click does not set it.
    # Where nobody pauses, the quiet frames are not the room but speech: hence the limit.
    quiet, loud = np.percentile(heard, [5, 99])
    spoken = np.flatnonzero(levels > min((quiet + loud) / 2, loud - _QUIET_SOUNDS))
    pauses = _pauses(spoken)
    waiting, found = [(int(spoken[0]), int(spoken[-1]) + 1)], []
    while waiting:
        start, stop = waiting.pop()
        pause = _where_to_cut(pauses, levels, start, stop)
        if pause is None:
            found.append((start, stop))
        else:
            waiting += [(start, pause[0]), (pause[1], stop)]
    return _with_margins(sorted(found), len(levels))


def write_piece(path: Path, start: float, stop: float, out: Path) -> None:
    """Write what a recording holds between two times in seconds to a WAV, at its own rate and with its channels.

    Raises VoicepackError if there is no audio in the recording, or the disk is full.
    """
    with opened(path) as file:
        rate = file.samplerate
        file.seek(round(start * rate))
        samples = file.read(round((stop - start) * rate), dtype="float32", always_2d=True)
    try:
        soundfile.write(out, samples, rate, subtype="PCM_24")
    except soundfile.SoundFileError:
        raise VoicepackError(f"{out}: cannot be written. Is the disk full?") from None


def _pauses(spoken: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return where the pauses between frames that are spoken start and stop, `[2, pauses]`."""
    before = np.flatnonzero(np.diff(spoken) > _PAUSE)
    return np.stack([spoken[before] + 1, spoken[before + 1]])


def _where_to_cut(pauses: NDArray[np.intp], levels: NDArray[np.float32], start: int, stop: int) -> Span | None:
    """Return the pause at which what is spoken from `start` to `stop` is to be cut, or None if it is to stay whole."""
    first, last = np.searchsorted(pauses[0], [start, stop])
    inside = pauses[:, first:last]
    lengths = inside[1] - inside[0]
    if not (lengths >= _SILENCE).any():
        if stop - start <= _LONGEST:
            return None
        inside = inside[:, (inside[0] - start >= _SHORTEST) & (stop - inside[1] >= _SHORTEST)]
        lengths = inside[1] - inside[0]
    if len(lengths):
        at = lengths.argmax()
        return int(inside[0, at]), int(inside[1, at])
    if stop - start <= _UNBROKEN:
        return None
    quietest = start + _SHORTEST + int(levels[start + _SHORTEST : stop - _SHORTEST].argmin())
    return quietest, quietest


def _with_margins(spans: list[Span], frames: int) -> list[Span]:
    """Give each span of speech its share of the pauses around it, half at most."""
    # Around the recording there is as much silence as a margin could want.
    stops = [-2 * _MARGIN, *(stop for _, stop in spans[:-1])]
    starts = [*(start for start, _ in spans[1:]), frames + 2 * _MARGIN]
    grown = []
    for (start, stop), before, after in zip(spans, stops, starts, strict=True):
        early, late = min(_MARGIN, (start - before) // 2), min(_MARGIN, (after - stop) // 2)
        grown.append((max(start - early, 0), min(stop + late, frames)))
    return grown
