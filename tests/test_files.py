import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from voicepack.errors import VoicepackError
from voicepack.files import (
    check_sha256,
    read_table,
    read_tensors,
    sha256,
    tree_sha256,
    write_json,
    write_table,
    write_tensors,
    written_whole,
)

METADATA = {"speaker": "Ada", "licence": "CC0", "weights": "bundled", "data": "demo", "consent": "none needed"}


def test_written_whole_makes_folders_and_leaves_only_the_file(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with written_whole(path) as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("all")
        assert not path.exists()
    assert path.read_text() == "all"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_of_the_first_write_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), written_whole(tmp_path / "file.txt") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_tensors_and_metadata_come_back(tmp_path):
    tensors = {"a": torch.randn(3, 4), "b": torch.arange(5, dtype=torch.int8)}
    write_tensors(tmp_path / "t.safetensors", {**tensors, "view": tensors["a"].T[1:]}, METADATA)
    found, metadata = read_tensors(tmp_path / "t.safetensors")
    assert metadata == METADATA
    torch.testing.assert_close(found, {**tensors, "view": tensors["a"].T[1:]}, rtol=0, atol=0)


def test_the_same_tensors_give_the_same_bytes_in_every_process(tmp_path):
    """safetensors orders metadata by a hash that differs between processes."""
    program = """
import sys, pathlib, torch
from voicepack.files import write_tensors
names = sys.argv[2].split(",")
write_tensors(pathlib.Path(sys.argv[1]), {"b": torch.ones(3), "a": torch.zeros(2)}, {n: n.upper() for n in names})
"""
    paths = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for path, order in zip(paths, ["speaker,licence,data,weights", "weights,data,licence,speaker"] * 2, strict=False):
        environment = {**os.environ, "PYTHONHASHSEED": path.stem}
        root = Path(__file__).parents[1]
        subprocess.run([sys.executable, "-c", program, path, order], check=True, env=environment, cwd=root)
    assert len({path.read_bytes() for path in paths}) == 1


def test_reading_what_is_not_there_or_not_tensors_is_one_line(tmp_path):
    (tmp_path / "text.safetensors").write_text("this is not a tensor file")
    for name, message in (("none.safetensors", "no such file"), ("text.safetensors", "not a safetensors file")):
        with pytest.raises(VoicepackError, match=message) as caught:
            read_tensors(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [read_tensors, read_table, sha256])
def test_what_no_stage_has_written_yet_is_one_line(tmp_path, read):
    with pytest.raises(VoicepackError, match=r"absent: no such file\. Run the stage that writes it"):
        read(tmp_path / "absent")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_dvc_drops(tmp_path, value):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "metrics.json", {"wer": value})
    assert list(tmp_path.iterdir()) == []


def test_json_is_sorted(tmp_path):
    write_json(tmp_path / "m.json", {"b": 1, "a": 0.5})
    assert (tmp_path / "m.json").read_text() == '{\n  "a": 0.5,\n  "b": 1\n}\n'


def test_tables_round_to_six_digits_and_come_back_as_text(tmp_path):
    path = tmp_path / "t.tsv"
    write_table(path, [{"step": 1, "loss": 1 / 3}, {"step": 2, "loss": float("nan")}])
    assert read_table(path) == [{"step": "1", "loss": "0.333333"}, {"step": "2", "loss": ""}]
    write_table(path, [], ["file", "reason"])
    assert path.read_text() == "file\treason\n"


@pytest.mark.parametrize("value", ["a\tb", "a\nb", "a\rb", "a\r", "a\r\nb", 'a "b"', "a\u2028b"])
def test_tables_hold_any_text(tmp_path, value):
    rows = [{"file": value, "reason": "b"}, {"file": "c", "reason": value}]
    write_table(tmp_path / "t.tsv", rows)
    assert read_table(tmp_path / "t.tsv") == rows


def test_checksum_error_is_one_line_with_both_sums(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    right = hashlib.sha256(b"weights").hexdigest()
    assert sha256(path) == right
    check_sha256(path, right)
    with pytest.raises(VoicepackError, match=right) as caught:
        check_sha256(path, "0" * 64)
    assert "0" * 64 in str(caught.value)
    assert "model.bin" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tree_checksum_does_not_depend_on_order_but_on_names_and_contents(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("1")
    b.write_text("2")
    before = tree_sha256([a, b])
    assert tree_sha256([b, a]) == before
    a.write_text("2")
    b.write_text("1")
    assert tree_sha256([a, b]) != before
