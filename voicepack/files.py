"""Writing files whole or not at all, and checking the ones we read."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import pickle
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from voicepack.errors import VoicepackError

_METADATA = "voicepack"

# What torch.load raises for a file that torch.save did not write; a LookupError and a ValueError are its unpickler's.
NOT_SAVED_BY_TORCH = (
    pickle.UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, IsADirectoryError,
)  # fmt: skip


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` only if the block succeeds.

    The temporary file keeps the suffix, because writers choose their format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def removed_on_error(folder: Path) -> Iterator[None]:
    """Remove `folder` if the block, which fills it, fails."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file. Its bytes depend on the contents alone.

    The metadata goes under one key, as sorted JSON: safetensors writes several keys in a random order.
    """
    owned = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with written_whole(path) as temporary:
        save_file(owned, temporary, {_METADATA: json.dumps(metadata or {}, sort_keys=True)})
        temporary.chmod(0o644)  # safetensors writes for the owner only; a shared cache needs more


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Read a safetensors file: its tensors by name, and its metadata.

    Raises VoicepackError if the file is missing or is not a safetensors file.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {}).get(_METADATA, "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError:
        raise not_made(path) from None
    except SafetensorError as error:
        raise VoicepackError(f"{path}: not a safetensors file ({error}).") from None


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises VoicepackError if it is missing or not valid, as in the middle of a merge."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise not_made(path) from None
    except json.JSONDecodeError:
        raise VoicepackError(f"{path}: not valid JSON. Finish the merge, or restore it from Git.") from None


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write indented JSON with sorted keys, refusing NaN and infinity (DVC drops them)."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Write rows as tab-separated values with a header line. An empty table needs `columns`."""
    names = list(columns or rows[0])
    with written_whole(path) as temporary, temporary.open("w", newline="") as file:
        # csv quotes what holds a character of the line terminator, so "\r" must be in it; but lines end in "\n" alone.
        lines = SimpleNamespace(write=lambda line: file.write(line.removesuffix("\r\n") + "\n"))
        writer = csv.DictWriter(lines, names, delimiter="\t", lineterminator="\r\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _rounded(row[name]) for name in names})


def write_ragged_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows that do not all have the same columns: those of any of them, empty where a row has none."""
    columns = dict.fromkeys(column for row in rows for column in row)
    write_table(path, [{**dict.fromkeys(columns, ""), **row} for row in rows], list(columns))


def read_table(path: Path) -> list[dict[str, str]]:
    """Read what `write_table` wrote; every value is a string. Raises VoicepackError without the file."""
    if not path.is_file():
        raise not_made(path)
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal. Raises VoicepackError without the file."""
    if not path.is_file():
        raise not_made(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path: Path, expected: str) -> None:
    """Raise VoicepackError unless the file has the expected SHA-256."""
    found = sha256(path)
    if found != expected:
        raise VoicepackError(
            f"{path}: SHA-256 is {found}, expected {expected}. The file is damaged or another version:"
            " fetch it again, or change the checksum in params.yaml if you meant to."
        )


def tree_sha256(paths: Iterable[Path]) -> str:
    """Return one SHA-256 over the names and contents of several files, whatever their order."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        digest.update(f"{path.name}\0{sha256(path)}\n".encode())
    return digest.hexdigest()


def not_made(path: Path) -> VoicepackError:
    """Return the error that says that a stage has not been run."""
    return VoicepackError(f"{path}: no such file. Run the stage that writes it (`dvc repro`).")


def _rounded(value: Any) -> Any:
    """Six significant digits are enough for a table that people read and plot."""
    if isinstance(value, (float, np.floating)):
        return "" if math.isnan(value) else f"{value:.6g}"
    return value
