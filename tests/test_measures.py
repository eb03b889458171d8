"""What is reported of a voice, from renders made by hand."""

import math

import numpy as np
import pytest

from voicepack.evaluation import length_table, score_table, summarise
from voicepack.measures import MEASURES, Measure, bucket, compare_voices, score
from voicepack.renders import FLOOR, NEW, REAL, Measured, Render

BY_NAME = {measure.name: measure for measure in MEASURES}


def spoken(
    voice: str, sentence: str, *, held_out: bool = False, seed: int = 0, phonemes: int = 50, **measured: float
) -> Render:
    return Render(voice, sentence, held_out, seed, phonemes, Measured(**{"seconds": 3.0} | measured))


def voice_of(voice: str, values: list[float], column: str = "likeness", *, held_out: bool = False) -> list[Render]:
    """One sentence for each value, the same ones for every voice; two seeds that agree."""
    return [
        spoken(voice, f"s{index}", seed=seed, held_out=held_out, **{column: value})
        for index, value in enumerate(values)
        for seed in (0, 1)
    ]


def judged(new: float, floor: float, ceiling: float) -> list[Render]:
    likeness = ((NEW, new), (FLOOR, floor), (REAL, ceiling))
    return [each for voice, value in likeness for each in voice_of(voice, [value] * 3)]


def around(mean: float, spread: float = 0.01, count: int = 20) -> list[float]:
    return [mean + spread * deviation for deviation in np.random.default_rng(0).normal(0, 1, count)]


def verdict(measure: str, ours: list[Render], theirs: list[Render]) -> str:
    compared = compare_voices(BY_NAME[measure], [*ours, *theirs], NEW, "other")
    assert compared is not None
    return compared.verdict


def test_word_errors_are_pooled_by_words() -> None:
    renders = [
        *(spoken(NEW, "long", seed=seed, words=9, word_errors=0) for seed in (0, 1)),
        *(spoken(NEW, "short", seed=seed, words=1, word_errors=1) for seed in (0, 1)),
    ]
    found = score(BY_NAME["wer"], renders, NEW)
    assert found is not None
    assert found.interval.value == pytest.approx(0.1)
    assert found.sentences == 2


def test_character_errors_are_pooled_by_characters() -> None:
    renders = [
        spoken(NEW, "a", characters=30, character_errors=3),
        spoken(NEW, "b", characters=10, character_errors=3),
    ]
    found = score(BY_NAME["cer"], renders, NEW)
    assert found is not None
    assert found.interval.value == pytest.approx(6 / 40)


def test_likeness_is_over_fixed_sentences_that_every_voice_speaks() -> None:
    renders = [
        spoken(NEW, "longest", likeness=0.6, phonemes=100),
        spoken(NEW, "short", likeness=0.8, phonemes=3),
        spoken(NEW, "too long", likeness=0.1, phonemes=101),
        spoken(NEW, "recorded", likeness=0.2, held_out=True),
    ]
    found = score(BY_NAME["likeness"], renders, NEW)
    assert found is not None
    assert found.interval.value == pytest.approx(0.7)
    held_out = score(BY_NAME["held_out_likeness"], renders, NEW)
    assert held_out is not None
    assert held_out.interval.value == pytest.approx(0.2)


@pytest.mark.parametrize("measure", [each for each in MEASURES if each.held_out], ids=lambda each: each.name)
def test_what_needs_a_recording_is_over_held_out_texts_of_any_length(measure) -> None:
    values = {measure.column: 2.0, **({measure.per: 4.0} if measure.per else {})}
    other = values | {measure.column: 9.0}
    renders = [spoken(NEW, "recorded", held_out=True, phonemes=300, **values), spoken(NEW, "fixed", **other)]
    found = score(measure, renders, NEW)
    assert found is not None
    assert found.sentences == 1
    assert found.interval.value == pytest.approx(0.5 if measure.per else 2.0)


def test_how_somebody_speaks_is_pooled_over_what_he_says() -> None:
    """The speaking rate over clips of 10 and 2 s, spoken in 8 and 4 s."""
    renders = [
        spoken(NEW, "long", held_out=True, seconds=8.0, rate_ratio=10 / 8),
        spoken(NEW, "short", held_out=True, seconds=4.0, rate_ratio=2 / 4),
    ]
    found = score(BY_NAME["rate_ratio"], renders, NEW)
    assert found is not None
    assert found.interval.value == pytest.approx((10 + 2) / (8 + 4))


def test_a_sentence_with_a_seed_that_could_not_be_measured_is_left_out() -> None:
    renders = [
        *voice_of(NEW, [100.0, 300.0], "f0_rmse_cents", held_out=True),
        spoken(NEW, "whisper", held_out=True, seed=0, f0_rmse_cents=5000),
        spoken(NEW, "whisper", held_out=True, seed=1),
    ]
    found = score(BY_NAME["f0_rmse_cents"], renders, NEW)
    assert found is not None
    assert (found.interval.value, found.sentences) == (pytest.approx(200), 2)
    assert score(BY_NAME["mcd_db"], renders, NEW) is None


def test_noise_is_known_with_two_seeds_and_not_with_one() -> None:
    one = [spoken(NEW, "a", likeness=0.5), spoken(NEW, "b", likeness=0.6)]
    two = [*one, spoken(NEW, "a", seed=1, likeness=0.7), spoken(NEW, "b", seed=1, likeness=0.6)]
    noises = [found.noise for each in (one, two) if (found := score(BY_NAME["likeness"], each, NEW))]
    assert noises == [None, pytest.approx(0.1 / math.sqrt(2))]


def test_floor_and_ceiling_have_their_suffixes_and_set_the_scale() -> None:
    metrics = summarise(judged(0.75, 0.6, 0.9))
    assert [metrics[f"likeness{suffix}"] for suffix in ("", "_floor", "_ceiling")] == pytest.approx([0.75, 0.6, 0.9])
    assert metrics["likeness_normalised"] == pytest.approx(0.5)
    at_the_ends = [summarise(judged(value, 0.6, 0.9))["likeness_normalised"] for value in (0.6, 0.9)]
    assert at_the_ends == pytest.approx([0, 1], abs=1e-9)


def test_the_noise_of_the_scale_is_that_of_the_likeness_stretched() -> None:
    renders = judged(0.75, 0.6, 0.9)
    renders += [spoken(NEW, "noisy", seed=seed, likeness=0.7 + 0.1 * seed) for seed in (0, 1)]
    metrics = summarise(renders)
    assert metrics["likeness_noise"] > 0.01
    assert metrics["likeness_normalised_noise"] == pytest.approx(metrics["likeness_noise"] / 0.3)


@pytest.mark.parametrize("ceiling", [0.6, 0.5])
def test_without_room_between_floor_and_ceiling_there_is_no_scale(ceiling: float) -> None:
    metrics = summarise(judged(0.7, 0.6, ceiling))
    assert not [name for name in metrics if name.startswith("likeness_normalised")]


def test_metrics_are_flat_finite_numbers_even_where_something_was_not_measured() -> None:
    renders = judged(0.75, 0.6, 0.9)
    renders += voice_of("another", [0.5])
    renders.append(spoken(NEW, "recorded", held_out=True, mcd_db=4.0, f0_spread_ratio=math.inf))
    metrics = summarise(renders)
    assert metrics["mcd_db"] == 4
    assert "f0_spread_ratio" not in metrics
    assert "mcd_db_noise" not in metrics
    assert all(type(value) is float and math.isfinite(value) for value in metrics.values())


@pytest.mark.parametrize(
    ("measure", "ours", "theirs", "expected"),
    [
        ("likeness", 0.8, 0.7, "better"),
        ("likeness", 0.6, 0.7, "worse"),
        ("mcd_db", 4.0, 5.0, "better"),
        ("mcd_db", 6.0, 5.0, "worse"),
        ("rate_ratio", 1.1, 0.7, "better"),
        ("rate_ratio", 0.9, 1.3, "better"),
        ("rate_ratio", 1.5, 0.8, "worse"),
        ("rate_ratio", 0.6, 1.2, "worse"),
    ],
)
def test_a_clear_difference_is_better_or_worse_as_the_measure_has_it(
    measure: str, ours: float, theirs: float, expected: str
) -> None:
    about = BY_NAME[measure]
    pair = [
        voice_of(*each, about.column, held_out=about.held_out) for each in ((NEW, [ours] * 9), ("other", [theirs] * 9))
    ]
    assert verdict(measure, *pair) == expected


def test_fewer_errors_are_better_and_weigh_by_words() -> None:
    def errors(voice: str, long: float, short: float) -> list[Render]:
        return [
            spoken(voice, f"{text} {number}", words=words, word_errors=count)
            for number in range(4)
            for text, words, count in (("long", 30, long), ("short", 1, short))
        ]

    assert verdict("wer", errors(NEW, 3, 0), errors("other", 9, 1)) == "better"
    compared = compare_voices(BY_NAME["wer"], errors(NEW, 3, 1) + errors("other", 6, 0), NEW, "other")
    assert compared is not None
    assert compared.interval.value == pytest.approx(-2 / 31)


def test_a_difference_with_0_in_its_interval_is_none() -> None:
    theirs = around(0.7, 0.05)
    assert verdict("likeness", voice_of(NEW, [*theirs[1:], theirs[0]]), voice_of("other", theirs)) == "none"
    assert verdict("likeness", voice_of(NEW, theirs), voice_of("other", theirs)) == "none"


@pytest.mark.parametrize("noisy", [NEW, "other"])
def test_a_difference_within_the_noise_of_either_voice_is_none(noisy: str) -> None:
    def renders(voice: str, mean: float) -> list[Render]:
        sway = 0.3 if voice == noisy else 0.0
        return [
            spoken(voice, f"s{index}", seed=seed, likeness=mean + sway * (seed - 0.5))
            for index in range(9)
            for seed in (0, 1)
        ]

    assert verdict("likeness", renders(NEW, 0.72), renders("other", 0.7)) == "none"
    assert verdict("likeness", renders(NEW, 0.9), renders("other", 0.7)) == "better"


def test_voices_are_compared_on_the_sentences_that_both_spoke() -> None:
    ours = voice_of(NEW, [0.8, 0.8, 0.1])
    compared = compare_voices(BY_NAME["likeness"], ours + voice_of("other", [0.7, 0.7]), NEW, "other")
    assert compared is not None
    assert compared.interval.value == pytest.approx(0.1)
    assert compare_voices(BY_NAME["likeness"], [*ours, spoken("other", "else", likeness=0.5)], NEW, "other") is None


def test_the_score_table_has_a_line_for_every_voice_and_compares_with_the_new_one() -> None:
    renders = judged(0.75, 0.6, 0.9)
    renders += [spoken("recipe", f"s{index}", likeness=0.5, faulty=1) for index in range(3)]
    rows = {(row["measure"], row["voice"]): row for row in score_table(renders)}
    assert {voice for measure, voice in rows if measure == "likeness"} == {NEW, FLOOR, REAL, "recipe"}
    assert {voice for measure, voice in rows if measure == "faults"} == {"recipe"}
    assert len({tuple(row) for row in rows.values()}) == 1  # one header fits all
    own = rows["likeness", NEW]
    assert [own[column] for column in ("value", "low", "high")] == pytest.approx([0.75] * 3)
    assert [own[column] for column in ("new_minus_this", "difference_low", "difference_high", "new_is")] == [""] * 4
    assert [(rows["likeness", voice]["new_is"]) for voice in (FLOOR, REAL, "recipe")] == ["better", "worse", "better"]
    assert rows["likeness", FLOOR]["new_minus_this"] == pytest.approx(0.15)
    assert rows["faults", "recipe"]["new_is"] == ""
    assert [rows["likeness", voice]["noise"] for voice in (NEW, "recipe")] == [0, ""]


def test_lengths_are_told_apart_over_all_sentences() -> None:
    renders = [
        spoken(NEW, "word", phonemes=5, likeness=0.5, faulty=1, words=1, word_errors=1),
        spoken(NEW, "word", seed=1, phonemes=5, likeness=0.7, faulty=0, words=1, word_errors=0),
        spoken(NEW, "tale", phonemes=310, likeness=0.9, faulty=0, words=60, word_errors=3),
        spoken(NEW, "recorded", phonemes=330, held_out=True, likeness=0.8, faulty=0, words=20, word_errors=1),
        spoken(FLOOR, "word", phonemes=5, likeness=0.4),
        spoken(REAL, "word", phonemes=5, likeness=0.6),
    ]
    short, long = length_table(renders)
    assert [row["bucket"] for row in (short, long)] == ["1-10", "301-510"]
    assert (short["phonemes"], short["renders"], long["phonemes"], long["renders"]) == (5, 2, 320, 2)
    assert [short[f"likeness{suffix}"] for suffix in ("", "_floor", "_ceiling")] == pytest.approx([0.6, 0.4, 0.6])
    assert [short["wer"], short["faulty"]] == [0.5, 0.5]
    assert long["wer"] == pytest.approx(4 / 80)
    assert long["likeness"] == pytest.approx(0.85)
    assert all(math.isnan(value) for value in (short["wer_floor"], short["dnsmos"], long["likeness_floor"]))


@pytest.mark.parametrize(
    ("phonemes", "name"),
    [(1, "1-10"), (10, "1-10"), (11, "11-50"), (50, "11-50"), (51, "51-100"), (100, "51-100"), (101, "101-300"),
     (300, "101-300"), (301, "301-510"), (510, "301-510")],
)  # fmt: skip
def test_a_bucket_holds_both_its_limits(phonemes: int, name: str) -> None:
    assert bucket(phonemes) == name


GOOD = Measured(
    seconds=3.0, likeness=0.9, retrieved=1.0, words=10.0, word_errors=1.0, characters=50.0, character_errors=2.0,
    dnsmos=3.5, distillmos=4.0, faulty=0.0, mel_loss=0.8, mcd_db=4.0, f0_rmse_cents=150.0, f0_correlation=0.7,
    f0_mean_ratio=1.02, f0_spread_ratio=1.1, rate_ratio=0.95, energy_correlation=0.85,
)  # fmt: skip


BAD = Measured(
    seconds=3.0, likeness=0.5, retrieved=0.0, words=10.0, word_errors=6.0, characters=50.0, character_errors=20.0,
    dnsmos=1.5, distillmos=2.0, faulty=1.0, mel_loss=1.6, mcd_db=8.0, f0_rmse_cents=600.0, f0_correlation=0.1,
    f0_mean_ratio=0.6, f0_spread_ratio=1.9, rate_ratio=1.7, energy_correlation=0.2,
)  # fmt: skip


@pytest.mark.parametrize("measure", MEASURES, ids=lambda each: each.name)
def test_a_good_voice_is_better_than_a_bad_one_by_every_measure(measure: Measure) -> None:
    def renders(voice: str, measured: Measured) -> list[Render]:
        return [Render(voice, f"s{index}", measure.held_out, 0, 50, measured) for index in range(3)]

    assert verdict(measure.name, renders(NEW, GOOD), renders("other", BAD)) == "better"
    assert verdict(measure.name, renders(NEW, BAD), renders("other", GOOD)) == "worse"


@pytest.mark.parametrize("name", ["f0_mean_ratio", "f0_spread_ratio", "rate_ratio"])
def test_in_how_somebody_speaks_a_clip_counts_by_its_length(name: str) -> None:
    renders = [
        spoken(NEW, "long", held_out=True, seconds=8.0, **{name: 1.25}),
        spoken(NEW, "short", held_out=True, seconds=4.0, **{name: 0.5}),
    ]
    found = score(BY_NAME[name], renders, NEW)
    assert found is not None
    assert found.interval.value == pytest.approx((8 * 1.25 + 4 * 0.5) / (8 + 4))
