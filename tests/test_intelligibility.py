import jiwer
import pytest
import torch

from voicepack.intelligibility import Transcriber, count_errors, normalise, word_error_rate


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Please put it down, Doctor!", "please put it down doctor"),
        ("There were seventeen boats.", "There were 17 boats"),
        ("In 1998 we left.", "in nineteen ninety eight we left"),
        ("Call 555, 0142.", "Call five five five, zero one four two."),
        ("The train leaves at 6:45.", "the train leaves at six forty-five"),
        ("I owe you $40.", "I owe you forty dollars"),
        ("It isn't mine; I'll go.", "It is not mine. I will go."),
        ("It isn’t John’s; they’re mine.", "It isn't John's, they're mine."),
        ("My neighbours organised a theatre tour in grey.", "My neighbors organized a theater tour in gray"),
        ("Travelling to the cosy harbour", "traveling to the cozy harbor"),
    ],
)
def test_what_sounds_alike_counts_as_equal(written, heard):
    assert normalise(written) == normalise(heard)
    assert word_error_rate([written], [heard]) == 0


@pytest.mark.parametrize("word", ["hour", "there", "wore", "fill", "mature", "is"])
def test_other_words_are_left_alone(word):
    assert normalise(word) == word


def test_errors_are_pooled_over_the_sentences():
    references = ["one word wrong in this long sentence of ten words", "cat"]
    assert word_error_rate(references, [references[0], "dog"]) == pytest.approx(1 / 11)
    assert word_error_rate(references, ["", "cat"]) == pytest.approx(10 / 11)
    pairs = [count_errors(*pair) for pair in (("abcd", "abed"), ("ef", "ef"))]
    errors, characters = (sum(each[name] for each in pairs) for name in ("character_errors", "characters"))
    assert errors / characters == pytest.approx(1 / 6)


def test_a_reference_without_words_is_an_error():
    with pytest.raises(ValueError, match="has no words"):
        word_error_rate(["..."], ["cat"])
    with pytest.raises(ValueError, match="1 references, but 2"):
        word_error_rate(["cat"], ["cat", "dog"])


def test_counts_of_single_sentences_add_up_to_the_rates_over_all():
    spoken = [
        ("There were seventeen boats, weren't there?", "there were 17 boats where are there"),
        ("The train leaves at 6:45.", "a train leaves"),
        ("Why not?", "why in the world not"),
        ("It isn't mine; I'll go.", ""),
        ("My neighbours organised a tour.", "my neighbors organized a tour"),
    ]
    counts = [count_errors(text, heard) for text, heard in spoken]
    total = {name: sum(each[name] for each in counts) for name in counts[0]}
    texts, heard = zip(*spoken, strict=True)
    assert total["word_errors"] / total["words"] == pytest.approx(word_error_rate(texts, heard), abs=1e-9)
    character_error_rate = jiwer.cer([*map(normalise, texts)], [*map(normalise, heard)])
    assert total["character_errors"] / total["characters"] == pytest.approx(character_error_rate, abs=1e-9)
    assert total["word_errors"] > 0


def test_errors_are_counted_of_the_text():
    assert count_errors("The cat sat.", "the cat") == {
        "words": 3, "word_errors": 1, "characters": 11, "character_errors": 4,
    }  # fmt: skip
    assert count_errors("Cat!", "the cat sat")["word_errors"] == 2
    assert count_errors("Cat!", "") == {"words": 1, "word_errors": 1, "characters": 3, "character_errors": 3}


@pytest.mark.slow
def test_transcribes_kokoro_without_an_error_and_the_same_twice(kokoro, stock_packs):
    phonemes = "ðə kˈæt sˈæt bI ðə dˈɔɹ, ænd hi wˈɔʧt ðə ɹˈAn."
    audio = kokoro.render(phonemes, stock_packs["af_heart"], seed=0)
    transcriber = Transcriber()
    text = transcriber.transcribe(audio)
    assert word_error_rate(["The cat sat by the door, and he watched the rain."], [text]) == 0
    assert transcriber.transcribe(audio) == text
    assert transcriber.transcribe(torch.zeros(24_000)) == ""


@pytest.mark.parametrize(
    ("british", "american"),
    [("the dialogues", "the dialogs"), ("in defence of", "in defense of"), ("a plough and tyres", "a plow and tires"),
     ("programmes", "programs"), ("pyjamas and a cheque", "pajamas and a check"),
     ("mouldy jewellery", "moldy jewelry")],
)  # fmt: skip
def test_british_spelling_is_no_error(british: str, american: str) -> None:
    assert word_error_rate([british], [american]) == 0
