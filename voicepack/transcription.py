"""A dataset from recordings alone: cut at their pauses, and written down as a recogniser hears them."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from voicepack.audio import read_audio
from voicepack.cutting import pieces, write_piece
from voicepack.dataset import METADATA_FILE
from voicepack.errors import VoicepackError
from voicepack.files import removed_on_error, written_whole
from voicepack.intelligibility import Transcriber

_NO_SPEECH = re.compile(r"\[[^]]*\]|\([^)]*\)")  # [MUSIC], (applause): what the recogniser hears besides
_LEAST_HEARD = 0.5  # of the words of a text; more recognisers' errors than that mean that it is another text


@dataclass(frozen=True)
class Transcript:
    """The dataset that recordings became, and how many pieces of them were left out."""

    clips: int
    seconds: float
    wordless: int  # nothing was understood: noise, music, a cough


def recordings_in(paths: Sequence[Path]) -> list[Path]:
    """Return the files among paths, and all recordings in the folders among them, by name.

    Raises VoicepackError for a folder without recordings.
    """
    formats = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".oga", ".opus"}
    found: list[Path] = []
    for path in paths:
        inside = sorted(each for each in path.iterdir() if each.suffix.lower() in formats) if path.is_dir() else [path]
        if not inside:
            raise VoicepackError(f"{path}: no recordings in this folder. Put WAV or FLAC files there.")
        found += inside
    return found


def transcribe(recordings: Sequence[Path], folder: Path) -> Transcript:
    """Write a dataset of what is said in recordings of any length to a new folder, as `train/`.

    The words are those of `talk.txt` where it lies beside `talk.wav`, and a recogniser's where it does not. Raises
    VoicepackError if the folder is there already, a recording is not audio or not what its text says, or no word is
    understood in any.
    """
    if folder.exists():
        raise VoicepackError(f"{folder} is there already. Delete it, or choose another folder.")
    spans = [(path, pieces(path)) for path in recordings]  # of all, before an hour goes into the first of them
    transcriber, numbers = Transcriber(), itertools.count(1)
    lines, seconds = [], 0.0
    with removed_on_error(folder):
        (folder / "train").mkdir(parents=True)
        for path, of_path in spans:
            files = [folder / "train" / f"{next(numbers):04}.wav" for _ in of_path]
            heard = [_heard(transcriber, path, *piece) for piece in zip(tqdm(of_path, path.name), files, strict=True)]
            for file, (start, stop), text in zip(files, of_path, _corrected(heard, path), strict=True):
                if any(map(str.isalnum, text)):
                    lines.append({"file_name": file.name, "text": text, "source": path.name, "start": round(start, 3)})
                    seconds += stop - start
                else:
                    file.unlink()
        if not lines:
            raise VoicepackError(f"no word was understood in {', '.join(map(str, recordings))}. Is it English speech?")
        with written_whole(folder / "train" / METADATA_FILE) as temporary:
            written = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            temporary.write_text(written, encoding="utf-8")
    return Transcript(len(lines), seconds, sum(len(of_path) for _, of_path in spans) - len(lines))


def divide(text: str, heard: Sequence[str]) -> list[str]:
    """Divide a text among the pieces of its recording, by what was heard in each of them.

    Raises ValueError if text and pieces have too few words in common.
    """
    words, heard_words = text.split(), [word for piece in heard for word in piece.split()]
    blocks = SequenceMatcher(None, _keys(heard_words), _keys(words), autojunk=False).get_matching_blocks()
    matched = [(block.a + offset, block.b + offset) for block in blocks for offset in range(block.size)]
    if len(matched) < _LEAST_HEARD * max(len(words), len(heard_words)):
        raise ValueError(f"{len(matched)} of its {len(words)} words are among the {len(heard_words)} that were heard")
    # Where a piece ends between two matched words, words that were heard otherwise are shared out evenly.
    ends = np.cumsum([len(piece.split()) for piece in heard])
    at, of = zip((0, 0), *((a + 1, b + 1) for a, b in matched), (len(heard_words), len(words)), strict=True)
    cuts = np.interp(ends, at, of).round().astype(int).tolist()
    return [" ".join(words[start:stop]) for start, stop in zip([0, *cuts], cuts, strict=False)]


def _heard(transcriber: Transcriber, path: Path, span: tuple[float, float], file: Path) -> str:
    """Write a piece of a recording to a file, and return what is said in it."""
    write_piece(path, *span, file)
    return _NO_SPEECH.sub("", transcriber.transcribe(read_audio(file))).strip()


def _corrected(heard: Sequence[str], path: Path) -> Sequence[str]:
    """Return what was heard in the pieces of a recording in the words of the text beside it, if there is one."""
    given = path.with_suffix(".txt")
    if not given.is_file():
        return heard
    try:
        return divide(given.read_text(encoding="utf-8-sig"), heard)
    except ValueError as error:  # UnicodeDecodeError among them
        raise VoicepackError(f"{given} is not what {path.name} says: {error}. Fix the text, or move it.") from None


def _keys(words: Sequence[str]) -> list[str]:
    return ["".join(filter(str.isalnum, word)).lower() for word in words]
