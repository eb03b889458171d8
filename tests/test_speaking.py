"""Which rows of a pack speak a sentence, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from voicepack.renders import FLOOR, NEW, Render
from voicepack.sentence import Sentence
from voicepack.speaking import Utterance, speak


class Asked:
    """Takes down what it is asked, in the place of workers."""

    def map(self, work: Callable[..., Any], tasks: Iterable[Utterance]) -> Iterator[list[Render]]:
        self.tasks = list(tasks)
        return ([] for _ in self.tasks)


def test_a_sentence_is_spoken_with_the_row_of_its_length_and_a_long_one_once() -> None:
    rows = torch.arange(510.0)[:, None, None].expand(510, 1, 256)
    asked = Asked()
    sentences = [Sentence("short", "", "a" * 7), Sentence("long", "", "a" * 120)]
    speak(asked, sentences, {NEW: rows, FLOOR: -rows}, seeds=(0, 1))  # type: ignore[arg-type]
    found = {
        task.sentence.name: ({voice: row.unique().tolist() for voice, row in task.rows.items()}, tuple(task.seeds))
        for task in asked.tasks
    }
    assert found == {"short": ({NEW: [6], FLOOR: [-6]}, (0, 1)), "long": ({NEW: [119], FLOOR: [-119]}, (0,))}
