"""Text to phonemes, and the sentences that come with the project."""

from types import SimpleNamespace

import pytest

from voicepack import text
from voicepack.errors import VoicepackError
from voicepack.text import phonemize, sentences


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("I have 17 cats.", "I have seventeen cats."),
        ("In 1998 we left.", "In nineteen ninety eight we left."),
        ("It cost $40.", "It cost forty dollars."),
    ],
)
def test_numbers_are_spoken(written: str, spoken: str) -> None:
    phonemes = phonemize(written)
    assert not any(character.isdigit() for character in phonemes)
    assert phonemes == phonemize(spoken)


@pytest.mark.parametrize("text", ["It's John's.", "I can't, they're Sarah's."])
def test_a_word_processors_apostrophes_are_spoken_as_a_keyboards(text: str) -> None:
    assert phonemize(text.replace("'", "’")) == phonemize(text)


def test_phonemes_are_those_of_kokoro() -> None:
    assert phonemize("The cat sat by the door.") == "ðə kˈæt sˈæt bI ðə dˈɔɹ."


def test_the_language_decides() -> None:
    american, british = (phonemize("The car passed the new garden.", language) for language in "ab")
    assert "ɹ" in american
    assert american != british


@pytest.mark.parametrize("text", ["", "   ", "...", "?!", "\n"])
def test_nothing_to_say_is_one_line(text: str) -> None:
    with pytest.raises(VoicepackError, match="nothing to say") as caught:
        phonemize(text)
    assert str(caught.value).count("\n") <= text.count("\n")


def test_punctuation_on_a_line_of_its_own_does_not_hide_the_words() -> None:
    assert phonemize("...\nHello there.").endswith(phonemize("Hello there."))


def test_too_much_at_once_is_one_line() -> None:
    long = "The quick brown fox jumps over the lazy dog. " * 15
    with pytest.raises(VoicepackError, match=r"\d+ phonemes, Kokoro speaks 510 at once") as caught:
        phonemize(long)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_as_much_as_kokoro_says_at_once_is_not_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_pipeline", lambda _: lambda spoken: [SimpleNamespace(phonemes=spoken)])
    assert len(phonemize("a" * 510)) == 510
    with pytest.raises(VoicepackError, match="511 phonemes"):
        phonemize("a" * 511)


@pytest.mark.parametrize("language", ["e", "f", "i"])
def test_too_much_of_another_language_is_not_cut_off(language: str) -> None:
    long = "la mesa come una casa grande y " * 30
    with pytest.raises(VoicepackError, match="510 or more phonemes, Kokoro speaks 510 at once"):
        phonemize(long, language)
    assert len(phonemize(long[:200], language)) < 510


def test_a_long_text_that_kokoro_can_say_is_kept_whole() -> None:
    sentence = "The quick brown fox jumps over the lazy dog."
    phonemes = phonemize(" ".join([sentence] * 8))
    assert phonemes.count(phonemize(sentence)) == 8
    assert 300 < len(phonemes) <= 510


def test_an_unknown_language_is_one_line() -> None:
    with pytest.raises(VoicepackError, match="language 'x' is not available") as caught:
        phonemize("Hello.", "x")
    assert "\n" not in str(caught.value)


def test_training_has_enough_sentences_and_none_twice() -> None:
    training = sentences("training")
    assert len(training) >= 2000
    assert len(set(training)) == len(training)
    assert all(text.strip() == text and text for text in training)


def test_evaluation_is_short_long_and_unseen() -> None:
    evaluation = sentences("evaluation")
    assert len(set(evaluation)) == 20
    seen = {text.casefold() for corpus in ("training", "demo") for text in sentences(corpus)}
    assert not seen & {text.casefold() for text in evaluation}
    lengths = [len(phonemize(text)) for text in evaluation]
    assert sum(3 <= length <= 10 for length in lengths) >= 3
    assert sum(length > 300 for length in lengths) >= 1


def test_the_demo_can_be_spoken_and_is_not_in_training() -> None:
    demo = sentences("demo")
    assert len(set(demo)) == 20
    assert not set(demo) & set(sentences("training"))
    assert all(0 < len(phonemize(text)) <= 510 for text in demo)
