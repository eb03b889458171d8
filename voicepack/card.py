"""The card of a voice: what a stranger needs to know before using a pack. Markdown with a header as the hub reads it.

The header's names are those of Hugging Face's model cards (`license`, `base_model`, `model-index`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from voicepack.markdown import markdown_table
from voicepack.measures import MEASURES

# The hub's identifiers. Every other licence is "other" with its name.
_LICENCES = ("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "apache-2.0", "mit")
_MEASURES = {
    "likeness_normalised": "likeness, 0 the nearest stock voice, 1 real clips of the speaker",
    **{measure.name: measure.title for measure in MEASURES},
}
_SUFFIXES = ("", "_floor", "_noise")
_SHOWN = ("likeness_normalised", "likeness", "retrieval", "wer", "dnsmos", "mel_loss", "mcd_db", "f0_correlation")


def voice_card(
    about: Mapping[str, str], metrics: Mapping[str, float], *, base_model: str, language: str, lang_code: str
) -> str:
    """Return the card of a pack from its metadata (see `voicepack.pack.VoicePack`) and its measures.

    `language` is what the hub calls it, `lang_code` what KPipeline does.
    """
    name, licence = about["name"], about["licence"]
    identifier = licence.lower().replace(" ", "-")
    known = identifier in _LICENCES
    measured = {key: _MEASURES[key] for key in _SHOWN if key in metrics}
    result = {
        "task": {"type": "text-to-speech"},
        "dataset": {"type": "text", "name": "held-out recordings and fixed sentences"},
        "metrics": [{"type": key, "name": title, "value": round(metrics[key], 4)} for key, title in measured.items()],
    }
    header: dict[str, Any] = {
        "license": identifier if known else "other",
        **({} if known else {"license_name": licence}),
        "language": [language],
        "base_model": base_model,
        "pipeline_tag": "text-to-speech",
        "tags": ["kokoro", "voice", "styletts2"],
        "model-index": [{"name": name, "results": [result]}],
    }
    origin = (
        ("speaker", about["speaker"]),
        ("licence of the recordings", licence),
        ("consent", about["consent"]),
        ("made from clips with SHA-256", f"`{about['data_sha256']}`"),
        ("for weights with SHA-256", f"`{about['weights_sha256']}`"),
    )
    values = [(title, *(_value(metrics, f"{key}{suffix}") for suffix in _SUFFIXES)) for key, title in measured.items()]
    return "\n".join(
        [
            "---",
            yaml.safe_dump(header, sort_keys=False, allow_unicode=True).rstrip(),
            "---",
            f"# {name}, a voice for Kokoro-82M",
            "",
            "Speech with this voice is synthetic. Say so where you use it.",
            "",
            markdown_table(("", ""), origin),
            "",
            "```python",
            "from kokoro import KPipeline",
            "",
            f'for _, _, audio in KPipeline(lang_code="{lang_code}")("Hello, this is my voice.", voice="{name}.pt"):',
            "    ...  # 24 kHz",
            "```",
            "",
            markdown_table(("measure", "this voice", "nearest stock voice", "noise"), values),
            "",
        ]
    )


def _value(metrics: Mapping[str, float], name: str) -> str:
    return f"{metrics[name]:.3f}" if name in metrics else ""
