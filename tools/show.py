"""How good voices are, and where their packs: python -m tools.show NAME…. Without a name, tables of all voices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from stages import places
from stages.hearing import nearest_stock
from stages.stage import one_line_errors
from stages.voice import voice_names
from tools.command import command_parser
from voicepack.errors import VoicepackError
from voicepack.files import read_json, read_table
from voicepack.markdown import markdown_table
from voicepack.measures import BUCKETS, MEASURES
from voicepack.renders import FLOOR, NEW, REAL

_VERDICTS = {"better": "better", "worse": "worse", "none": "no difference", "": ""}


def table(voice: str) -> str:
    """Return the table of a voice's measures: the voice, its noise, the floor, the ceiling, and what came of it."""
    metrics = read_json(places.measures(voice))
    scores = {(row["measure"], row["voice"]): row for row in read_table(places.scores(voice))}
    nearest = nearest_stock(voice)
    lines = [f"{'':34}{voice[:12]:>12}{'noise':>8}{nearest:>13}{'real clips':>12}   than {nearest}"]
    for measure in MEASURES:
        rows = [scores.get((measure.name, each)) for each in (NEW, FLOOR, REAL)]
        if rows[0] is None:
            continue
        value, floor, ceiling = (f"{float(row['value']):.3f}" if row else "" for row in rows)
        noise = f"{float(rows[0]['noise']):.3f}" if rows[0]["noise"] else ""
        verdict = _VERDICTS[rows[1]["new_is"]] if rows[1] else ""
        lines.append(f"{measure.title:34}{value:>12}{noise:>8}{floor:>13}{ceiling:>12}   {verdict}")
    if "likeness_normalised" in metrics:
        value, noise = metrics["likeness_normalised"], metrics.get("likeness_normalised_noise", 0.0)
        lines.append(f"{'normalised likeness':34}{value:12.3f}{noise:8.3f}{0:13.3f}{1:12.3f}")
    else:
        lines.append(f"{'normalised likeness':34}{'none':>12}   the judge cannot tell {nearest} from the speaker")
    for half in ("acoustic", "prosodic"):
        if f"recovered_{half}_error" in metrics:
            recovered, stock = metrics[f"recovered_{half}_error"], metrics[f"stock_{half}_error"]
            lines.append(
                f"{f'error of {half} half':34}{recovered:12.3f}{'':8}{stock:13.3f}{0:12.3f}   the truth is known"
            )
    return "\n".join(lines)


def evaluated() -> list[str]:
    """Return the names of the voices that are evaluated here."""
    return [name for name in voice_names() if places.scores(name).exists() and places.measures(name).exists()]


def all_voices() -> str:
    """Return a table of all evaluated voices in Markdown: each measure with its interval, in brackets the floor's."""
    columns = (
        "likeness", "retrieval", "wer", "dnsmos", "mel_loss", "mcd_db", "f0_correlation", "f0_mean_ratio", "rate_ratio",
    )  # fmt: skip
    titles = [measure.title for measure in MEASURES if measure.name in columns]
    lines = []
    for voice in evaluated():
        metrics = read_json(places.measures(voice))
        rows = read_table(places.scores(voice))
        scores = {(row["measure"], row["voice"]): row for row in rows}
        cells = [f"{metrics['likeness_normalised']:.3f}" if "likeness_normalised" in metrics else "no scale"]
        for name in columns:
            if (name, NEW) not in scores:  # of a whisper there is no pitch
                cells.append("")
                continue
            new, floor = scores[name, NEW], scores.get((name, FLOOR))
            low, high = float(new["low"]), float(new["high"])
            beside = f" ({float(floor['value']):.3f})" if floor else ""
            cells.append(f"{float(new['value']):.3f} [{low:.3f}, {high:.3f}]{beside}")
        lines.append([voice, *cells])
    return markdown_table(("voice", "normalised likeness", *titles), lines)


def by_length() -> str:
    """Return all evaluated voices together by length of the sentence: means over them, in brackets the floor's."""
    rows = [row for voice in evaluated() for row in read_table(places.lengths(voice))]
    lines = []
    for low, high in BUCKETS:
        some = [row for row in rows if row["bucket"] == f"{low}-{high}"]
        cells = [_mean(some, "likeness_ceiling")]
        for column in ("likeness", "wer", "dnsmos", "distillmos"):
            cells.append(f"{_mean(some, column)} ({_mean(some, f'{column}_floor')})")
        if some:
            lines.append((f"{low}-{high}", str(len(some)), *cells))
    titles = ("phonemes", "voices", "likeness of real clips", "likeness", "word error rate", "DNSMOS", "DistillMOS")
    return markdown_table(titles, lines)


def _mean(rows: Sequence[Mapping[str, str]], column: str) -> str:
    """Return the mean of a column over the rows that have a value there, if any."""
    values = [float(row[column]) for row in rows if row[column]]
    return f"{fmean(values):.3f}" if values else ""


def main() -> None:
    parser = command_parser("tools.show", __doc__)
    parser.add_argument("voices", metavar="NAME", nargs="*")
    voices = parser.parse_args().voices
    if not voices:
        if not evaluated():
            raise VoicepackError("no voice is evaluated here. Run `dvc repro`, or `dvc pull` what others have made.")
        print(f"{all_voices()}\n\n{by_length()}")
        return
    for name in voices:
        if not all(path.exists() for path in (places.measures(name), places.scores(name), places.speaker(name))):
            raise VoicepackError(f"voice '{name}' was not evaluated. Run `dvc repro card@{name}`.")
        print(f"\n{table(name)}\n")
        print(f"Voice pack: {places.pack(name)}   (also .safetensors, and .npz for kokoro-onnx)")
        print(f"Samples:    {places.voice_samples(name)}")
    page = places.REPORT.read_text() if places.REPORT.exists() else ""
    if all(f'id="voice-{name}"' in page for name in voices):
        print(f"Listen:     {places.REPORT}   (open it in a browser)")
    else:
        print(f"Listen:     `dvc repro --single-item report` writes {places.REPORT}")


if __name__ == "__main__":
    with one_line_errors("show"):
        main()
