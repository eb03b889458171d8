from pathlib import Path

import pytest
from recordings import write_dataset, write_metadata

from voicepack.dataset import read_dataset, read_metadata
from voicepack.errors import VoicepackError

GOOD = {"file_name": "a.wav", "text": "Hello."}


def message(folder: Path, *lines: dict[str, object] | str) -> str:
    write_metadata(folder, lines)
    with pytest.raises(VoicepackError) as error:
        read_metadata(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_lines_become_entries(tmp_path: Path) -> None:
    write_metadata(
        tmp_path / "train",
        [GOOD, "", "  ", {"file_name": "sub/b.flac", "text": "Über\u2028uns.", "speaker": "anna", "more": 1}],
    )
    first, second = read_metadata(tmp_path / "train")
    assert (first.name, first.path, first.text, first.speaker) == (
        "train/a.wav", tmp_path / "train" / "a.wav", "Hello.", "",
    )  # fmt: skip
    assert (second.name, second.text, second.speaker) == ("train/sub/b.flac", "Über\u2028uns.", "anna")
    assert second.source == f"{tmp_path / 'train' / 'metadata.jsonl'}:4"


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_bytes(b'\xef\xbb\xbf{"file_name": "a.wav", "text": "Hello."}\r\n\r\n')
    assert [entry.text for entry in read_metadata(tmp_path)] == ["Hello."]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"file_name": "b.wav", "text": "Hi"', "JSON"),
        ('["b.wav", "Hi"]', "object"),
        ('{"text": "Hi"}', "'file_name' is missing"),
        ('{"file_name": "b.wav"}', "'text' is missing"),
        ('{"file_name": "", "text": "Hi"}', "'file_name' is empty"),
        ('{"file_name": "b.wav", "text": " "}', "'text' is empty"),
        ('{"file_name": "b.wav", "text": 7}', "'text' is 7"),
        ('{"file_name": "b.wav", "text": null}', "'text' is null"),
        (r'{"file_name": "b\udcff.wav", "text": "Hi"}', r'half a character, "b\udcff.wav"'),
        ('{"file_name": "b.wav", "text": "Hi", "speaker": 3}', "'speaker' is 3"),
        ('{"file_name": "/etc/b.wav", "text": "Hi"}', "outside the dataset"),
        ('{"file_name": "../b.wav", "text": "Hi"}', "outside the dataset"),
        ('{"file_name": "sub/../../b.wav", "text": "Hi"}', "outside the dataset"),
        ('{"file_name": "./a.wav", "text": "Hi"}', "already in"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, expected: str) -> None:
    error = message(tmp_path, GOOD, "", line)
    assert expected in error
    assert error.startswith(f"{tmp_path / 'metadata.jsonl'}:3: ")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(VoicepackError, match="voice: no such folder"):
        read_dataset(tmp_path / "voice")
    (tmp_path / "voice").mkdir()
    with pytest.raises(VoicepackError, match=r"voice/train/metadata\.jsonl: no such file"):
        read_dataset(tmp_path / "voice")
    assert "no clips" in message(tmp_path / "voice" / "train", "", "")


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_bytes('{"file_name": "a.wav", "text": "Über"}'.encode("latin-1"))
    with pytest.raises(VoicepackError, match="not UTF-8"):
        read_metadata(tmp_path)


def test_validation_is_optional(tmp_path: Path) -> None:
    write_dataset(tmp_path, ["One two three."])
    assert read_dataset(tmp_path).validation == []
    write_dataset(tmp_path, ["Four five six."], "validation")
    assert [entry.name for entry in read_dataset(tmp_path).validation] == ["validation/a.wav"]
    (tmp_path / "validation/metadata.jsonl").rename(tmp_path / "validation/metadata.json")
    with pytest.raises(VoicepackError, match=r"validation/metadata\.jsonl: no such file"):
        read_dataset(tmp_path)


def test_one_speaker_of_several_is_chosen(tmp_path: Path) -> None:
    lines = [{"file_name": f"{name}{i}.wav", "text": "Hi", "speaker": name} for name in ("bo", "anna") for i in (1, 2)]
    write_metadata(tmp_path / "train", lines)
    write_metadata(tmp_path / "validation", lines[:1])
    with pytest.raises(VoicepackError, match=r"2 speakers \(anna, bo\)"):
        read_dataset(tmp_path)
    with pytest.raises(VoicepackError, match=r"no speaker 'cid'\. Known: anna, bo"):
        read_dataset(tmp_path, "cid")
    chosen = read_dataset(tmp_path, "bo")
    assert [entry.path.name for entry in chosen.train] == ["bo1.wav", "bo2.wav"]
    assert [entry.path.name for entry in chosen.validation] == ["bo1.wav"]
    assert read_dataset(tmp_path, "anna").validation == []


@pytest.mark.parametrize("speaker", ["", "anna"])
def test_a_line_without_a_speaker_among_others_is_not_left_out_in_silence(tmp_path: Path, speaker: str) -> None:
    write_metadata(tmp_path / "train", [{"file_name": "a.wav", "text": "Hi", "speaker": "anna"}])
    write_metadata(tmp_path / "validation", [{"file_name": "b.wav", "text": "Hi"}])
    with pytest.raises(VoicepackError, match=r"validation/metadata\.jsonl:1: names no speaker, as other lines do"):
        read_dataset(tmp_path, speaker)


def test_a_speaker_is_chosen_where_none_is_named(tmp_path: Path) -> None:
    write_metadata(tmp_path / "train", [GOOD])
    with pytest.raises(VoicepackError, match="No line of it names a speaker"):
        read_dataset(tmp_path, "bo")
