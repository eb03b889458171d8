"""The report: what it says, and that a browser plays it, runs the blind test and shows it to everybody."""

import base64
import dataclasses
import io
import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from page_voice import FACTS, ROYALTY, SENTENCES, page, render, write_voice
from playwright.sync_api import Browser, Page, sync_playwright

from voicepack.audio import write_audio
from voicepack.evaluation import f0_table
from voicepack.page.charts import Axis, line_chart, scatter_chart
from voicepack.page.media import spectrogram
from voicepack.page.page import _f0_chart, _length_chart
from voicepack.page.voice_report import VoiceReport, retrieval, summarise_voices
from voicepack.renders import NEW

FLAGS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
FAINT = ("figcaption", ".about", ".interval", ".direction", ".tag", "dt", "footer")


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> VoiceReport:
    return VoiceReport.read("tone", write_voice(tmp_path_factory.mktemp("tone")), FACTS)


@pytest.fixture(scope="module")
def html(tone: VoiceReport) -> str:
    """Two voices, one of them with a long name and no rejects; a third one is missing."""
    other = dataclasses.replace(tone, name="a_second_voice_with_a_long_name", rejected=[])
    return page([tone, other], missing=["later"])


def section(html: str, name: str) -> str:
    return html.partition(f'<section id="voice-{name}"')[2].partition('<section id="voice-')[0]


def test_the_page_needs_no_other_file(html: str) -> None:
    addresses = re.findall(r'(?:src|href|srcset|data|poster|action)="([^"]*)"', html) + re.findall(
        r"url\(([^)]*)", html
    )
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert "@import" not in html
    assert not re.search(r"<[^>]* on[a-z]+=", html)  # no script in attributes


def test_what_a_voice_is_made_of_is_in_plain_sight(html: str) -> None:
    facts = section(html, "tone").partition("<h3>")[0]
    assert "<details" not in facts
    for value in ("CC0-1.0", "none needed: a tone", "Nobody", "fee1c258", "dvc repro evaluate@tone", "af_one"):
        assert f">{value}<" in facts
    assert "0123456789abcdef" in facts  # finds the commit
    assert "git log -S" in html and "dvc repro report" in html


def test_texts_are_escaped(html: str) -> None:
    assert "Held out, &lt;b&gt;bold&lt;/b&gt; &amp; brave &lt;/script&gt;." in html
    assert "<b>bold" not in html
    assert html.count("</script>") == 2
    trials = json.loads(re.search(r'id="trials">(.*?)</script>', html)[1])
    assert SENTENCES[0].text in [trial["text"] for trial in trials["tone"]]


def test_rejects_are_listed_and_missing_voices_named(html: str) -> None:
    listed = section(html, "tone")
    assert ROYALTY.path in listed and ROYALTY.source in listed
    assert "text is not speech: &lt;i&gt;1 &amp; 2&lt;/i&gt;" in listed
    unused = section(html, "a_second_voice_with_a_long_name")
    assert ROYALTY.path not in unused and "all were used" in unused
    assert "Not evaluated yet: later." in html


def test_the_same_voices_make_the_same_bytes(tone: VoiceReport) -> None:
    assert page([tone]) == page([tone])


def test_held_out_texts_and_some_fixed_ones_are_heard_from_all_voices(html: str) -> None:
    players = re.findall(r'<audio id="tone--(\w+)--(\w+)"', html)
    assert [name for name, _ in players] == ["held_1"] * 4 + ["held_2"] * 4 + ["fixed_1"] * 3 + ["fixed_3"] * 3
    assert [voice for _, voice in players[:4]] == ["new", "real", "stock", "enrolled"]


def test_pictures_of_a_sentence_share_the_time_scale(html: str) -> None:
    widths = re.findall(r'<svg class="spectrogram" viewBox="0 0 ([\d.]+) 100".*?<image [^>]*width="([\d.]+)"', html)
    assert widths[:3] == [("130.0", "100.0"), ("130.0", "130.0"), ("130.0", "130.0")]  # real, new, stock
    assert html.count('class="f0"') == html.count('class="spectrogram"')


def test_retrieval_counts_sentences_nearest_to_their_speaker(tone: VoiceReport) -> None:
    near, far = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert retrieval([tone], {"af_one": far}) == {"tone": 1.0}
    assert retrieval([tone], {"af_one": 2 * near}) == {"tone": 0.0}  # a stock voice is nearer still
    stranger = dataclasses.replace(tone, name="stranger", speaker=far)
    assert retrieval([tone, stranger], {}) == {"tone": 1.0, "stranger": 0.0}


def test_retrieval_counts_no_long_sentence_as_the_measure_of_a_voice_does(tone: VoiceReport) -> None:
    own = next(each for each in tone.renders if each.voice == NEW and not each.held_out)
    long = dataclasses.replace(own, phoneme_count=101, embedding=torch.tensor([0.0, 1.0]))
    more = dataclasses.replace(tone, renders=[*tone.renders, long])
    assert retrieval([more], {"af_one": long.embedding}) == {"tone": 1.0}


def test_the_summary_is_the_mean_over_voices(tone: VoiceReport) -> None:
    worse = [
        row | ({"value": "0.3"} if (row["measure"], row["voice"]) == ("likeness", "new") else {}) for row in tone.scores
    ]
    floor, ceiling, new = (float(tone.score("likeness", voice)["value"]) for voice in ("stock", "real", "new"))
    least = (0.3 - floor) / (ceiling - floor)
    metrics = {**tone.metrics, "likeness_normalised": least}
    reports = [tone, dataclasses.replace(tone, name="worse", scores=worse, metrics=metrics)]
    summary = summarise_voices(reports, {"tone": 1.0, "worse": 0.5})
    assert summary["voices"] == 2 and summary["retrieval"] == 0.75
    assert summary["likeness"] == pytest.approx((new + 0.3) / 2)
    assert summary["likeness_normalised_least"] == pytest.approx(least)
    assert summary["likeness_normalised"] == pytest.approx(((new - floor) / (ceiling - floor) + least) / 2)
    assert summary["wer"] == summary["wer_floor"] == pytest.approx(0.2)


def test_charts_hold_their_points_and_escape_names() -> None:
    assert Axis.over("", [0.0, 1.0]).ticks() == [0, 0.5, 1]
    assert Axis.over("", [3.0]).low < 3 < Axis.over("", [3.0]).high
    drawn = line_chart("title", {"<a>": [(0.0, 0.0), (1.0, 5.0)]}, "x", "y")
    assert "&lt;a&gt;" in drawn and "<a>" not in drawn
    assert line_chart("nothing", {"a": []}, "x", "y") == ""
    named = scatter_chart("", [(0.0, 0.0)], "x", "y", {"first": (1.0, 1.0), "second": (1.0, 1.0)})
    heights = [float(each) for each in re.findall(r'class="label" x="[\d.]+" y="([\d.]+)"', named)]
    assert heights[1] - heights[0] >= 12  # no name on another
    long = scatter_chart("", [(-1.0, 0.0), (1.0, 1.0)], "x", "y", {"n" * 26: (0.0, 0.5)})
    assert 'class="label" x="400.0"' in long and 'text-anchor="end">nnn' in long  # no room beside it: to the edge


# In the browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def file(html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html)
    return path


def opened(browser: Browser, file: Path, **options: Any) -> tuple[Page, list[str]]:
    """Open the page in a context of its own; return it with the list that its complaints go to."""
    shown = browser.new_context(**options).new_page()
    shown.set_default_timeout(10_000)
    complaints: list[str] = []
    shown.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    shown.on("requestfailed", lambda request: complaints.append(f"failed: {request.url[:80]}"))
    shown.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else complaints.append(request.url),
    )
    shown.goto(file.as_uri())
    return shown, complaints


@pytest.fixture
def tab(browser: Browser, file: Path) -> Iterator[Page]:
    """The page on a wide screen. It must not complain in any test."""
    shown, complaints = opened(browser, file, viewport={"width": 1200, "height": 900})
    yield shown
    shown.context.close()
    assert not complaints


def test_every_player_plays(tab: Page) -> None:
    durations = tab.evaluate(
        """async () => {
            const found = [];
            for (const player of document.querySelectorAll("audio")) {
                await player.play();
                found.push(player.duration);
            }
            return found;
        }"""
    )
    assert len(durations) == 28
    assert all(0.9 < duration < 1.6 for duration in durations)


def test_one_player_pauses_another(tab: Page) -> None:
    paused = tab.evaluate(
        """async () => {
            const [first, second] = document.querySelectorAll("audio");
            first.loop = second.loop = true;
            await first.play();
            await second.play();
            return [first.paused, second.paused];
        }"""
    )
    assert paused == [True, False]


def start(tab: Page) -> None:
    tab.locator(".blind").first.locator(".start").click()


def order(tab: Page) -> list[str]:
    return tab.evaluate("BlindTest.active.order")


def test_the_blind_test_is_done_by_keyboard_alone(tab: Page) -> None:
    for _ in range(300):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.matches('.start')"):
            break
    focus = tab.evaluate(
        "(({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
    )
    assert focus == ["solid", "3px"]
    tab.keyboard.press("Enter")
    trial, hint = (tab.locator(".blind").first.locator(part) for part in (".trial", ".hint"))
    tab.keyboard.press("1")  # before anything was heard
    assert hint.inner_text() == "Hear both A and B first."
    expected = []
    for key in ("1", "2", "0", "1"):
        assert trial.locator(".progress").inner_text() == f"{len(expected) + 1} of 4"
        for sound in ("r", "a", "B"):
            tab.keyboard.press(sound)
            tab.wait_for_function("unseen && !unseen.paused && unseen.currentTime > 0")
        sides = order(tab)
        expected.append({"1": sides[0], "2": sides[1], "0": "none"}[key])
        tab.keyboard.press(key)
    assert not trial.is_visible()
    with tab.expect_download() as download:
        tab.keyboard.press("Enter")  # the button to save has the focus
    assert download.value.suggested_filename == "blind_tone_stock.json"
    result = json.loads(Path(download.value.path()).read_text())
    answers = result["answers"]
    assert sorted(each["sentence"] for each in answers) == ["fixed_1", "fixed_3", "held_1", "held_2"]
    assert [each["nearer"] for each in answers] == expected
    assert all({each["a"], each["b"]} == {"new", "stock"} for each in answers)
    assert (result["voice"], result["against"]) == ("tone", "stock")
    assert result["new_nearer"] == expected.count("new")
    assert result["other_nearer"] == expected.count("stock")
    assert result["no_difference"] == expected.count("none") == 1
    assert result["p_value"] == {3: 0.25, 2: 1.0, 1: 1.0, 0: 0.25}[result["new_nearer"]]


def test_the_order_is_random(tab: Page) -> None:
    orders = tab.evaluate(
        """() => [...Array(40)].map(() => {
            document.querySelector(".start").click();
            return BlindTest.active.order.join(" ");
        })"""
    )
    assert set(orders) == {"new stock", "stock new"}


def test_nothing_on_the_page_tells_which_voice_plays(tab: Page) -> None:
    tab.evaluate("Math.random = () => 0.5")  # the same order always
    start(tab)
    blind = tab.locator(".blind").first
    trial = blind.locator(".trial")
    assert not re.search("new|stock|floor|real", trial.inner_html(), re.IGNORECASE)
    looks = []
    for key in ("a", "b"):
        tab.keyboard.press(key)
        tab.wait_for_function("!unseen.paused && unseen.currentTime > 0.1")
        assert tab.evaluate("[...document.querySelectorAll('audio')].every((each) => each.paused && !each.currentTime)")
        looks.append((tab.screenshot(full_page=True), tab.content()))
    tab.wait_for_function("unseen.ended")
    looks.append((tab.screenshot(full_page=True), tab.content()))
    assert looks[0] == looks[1] == looks[2]


def test_a_player_and_the_blind_test_are_not_heard_together(tab: Page) -> None:
    start(tab)
    tab.keyboard.press("a")
    tab.wait_for_function("!unseen.paused && unseen.currentTime > 0")
    tab.evaluate("document.querySelector('audio').play()")
    tab.wait_for_function("unseen.paused")
    tab.keyboard.press("b")
    tab.wait_for_function("!unseen.paused && document.querySelector('audio').paused")


def test_a_second_blind_test_ends_the_first(tab: Page) -> None:
    start(tab)
    tab.locator(".blind .start").nth(1).click()
    assert [each.is_visible() for each in tab.locator(".trial").all()] == [False, True]
    assert tab.evaluate("BlindTest.active.voice") == "a_second_voice_with_a_long_name"


def test_headings_and_tables_can_be_followed(tab: Page) -> None:
    levels = tab.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((each) => Number(each.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert tab.locator("th:not([scope])").count() == 0
    names = tab.evaluate("[...document.querySelectorAll('table')].map((each) => each.getAttribute('aria-labelledby'))")
    identities = tab.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert set(names) <= set(identities)
    assert len(set(identities)) == len(identities)


def test_a_phone_scrolls_in_one_direction_only(browser: Browser, file: Path) -> None:
    shown, complaints = opened(browser, file, viewport={"width": 390, "height": 844})
    start(shown)
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    name = shown.locator("table tbody th").first
    before = name.bounding_box()["x"]
    shown.evaluate("document.querySelector('.wide').scrollLeft = 200")
    assert name.bounding_box()["x"] == before  # the names of the rows stay
    sizes = shown.evaluate(
        "[...document.querySelectorAll('.blind button')].map((each) => each.offsetHeight).filter(Boolean)"
    )
    assert min(sizes) >= 44
    assert not complaints
    shown.context.close()


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(shown: Page, selector: str) -> float:
    """Return the least contrast of what the selector finds with what is behind it."""
    pairs = shown.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].map((each) => {
            let behind = each;
            while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
            return [getComputedStyle(each).color, getComputedStyle(behind).backgroundColor];
        })""",
        selector,
    )
    assert pairs, selector
    ratios = []
    for pair in pairs:
        dark, light = sorted(map(luminance, pair))
        ratios.append((light + 0.05) / (dark + 0.05))
    return min(ratios)


def test_light_and_dark_can_be_read(browser: Browser, file: Path) -> None:
    backgrounds = {}
    for scheme in ("light", "dark"):
        shown, _ = opened(browser, file, color_scheme=scheme)
        # One of each, also where this voice happens to have none.
        shown.evaluate(
            """document.querySelector("td").insertAdjacentHTML("beforeend",
                ["better", "worse", "none"].map((each) => `<span class="verdict ${each}">${each}</span>`).join(""))"""
        )
        selectors = ("body", "a", "button", "dd", ".verdict.better", ".verdict.worse", ".verdict.none", *FAINT)
        assert {each: ratio for each in selectors if (ratio := contrast(shown, each)) < 4.5} == {}
        backgrounds[scheme] = luminance(shown.evaluate("getComputedStyle(document.body).backgroundColor"))
        shown.context.close()
    assert backgrounds["light"] > 0.8
    assert backgrounds["dark"] < 0.1


def test_without_scripts_all_but_the_blind_test_is_there(browser: Browser, file: Path) -> None:
    shown, complaints = opened(browser, file, java_script_enabled=False)
    assert shown.locator("table").count() >= 6
    assert shown.locator("audio[controls]").count() == 28
    assert shown.locator("audio").first.is_visible()
    assert not any(each.is_visible() for each in shown.locator(".blind").all())
    assert shown.locator("noscript .note").first.is_visible()
    assert not complaints
    shown.context.close()


def test_one_voice_with_one_sentence_and_no_recording_is_enough(browser: Browser, tmp_path: Path) -> None:
    report = VoiceReport.read("alone", write_voice(tmp_path / "voice", SENTENCES[2:3], rejected=()), {})
    (tmp_path / "report.html").write_text(page([report]))
    shown, complaints = opened(browser, tmp_path / "report.html")
    start(shown)
    assert not shown.locator(".play-reference").is_visible()  # nothing was recorded
    for key in ("r", "a", "b", "1"):
        shown.keyboard.press(key)
    assert "p = 1.00" in shown.locator(".outcome").inner_text()
    assert shown.get_by_text("no scale").is_visible()
    assert not complaints
    shown.context.close()


def test_the_table_of_f0_says_what_was_recorded_and_what_was_rendered() -> None:
    rows = f0_table([render(NEW, SENTENCES[0], 0, 220)], SENTENCES)
    assert len(rows) > 10
    assert {(row["voice"], row["recorded_hz"], row["rendered_hz"]) for row in rows} == {(NEW, 150.0, 220.0)}


def test_charts_show_whom_they_name(tone: VoiceReport) -> None:
    lines = re.findall(r'points="[\d.]+,([\d.]+)[ "]', _length_chart(tone))
    new, floor, real = map(float, lines)  # in the order of the legend, from the top of the picture down
    assert real < new < floor
    higher = [{"recorded_hz": "150", "rendered_hz": "220"}, {"recorded_hz": "150", "rendered_hz": "240"}]
    dots = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', _f0_chart(dataclasses.replace(tone, f0=higher)))
    assert len({across for across, _ in dots}) == 1
    assert len({up for _, up in dots}) == 2


def test_what_is_high_is_drawn_high(tmp_path: Path) -> None:
    from matplotlib.image import imread

    write_audio(tmp_path / "a.wav", 0.5 * torch.sin(torch.arange(24_000) * 2 * torch.pi * 8_000 / 24_000))
    drawn = spectrogram(tmp_path / "a.wav", torch.tensor([60.0, 500.0]), 1.0)
    picture = imread(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]*)", drawn)[1])), format="png")
    assert int(picture.sum((1, 2)).argmax()) < len(picture) / 4
    assert 'class="f0" points="0.0,100.0 1.2,0.0"' in drawn


def test_the_page_says_which_way_a_measure_is_better(html: str) -> None:
    said = dict(re.findall(r'<th scope="row">([^<]+) <span class="direction">([^<]+) is better', section(html, "tone")))
    assert said["likeness (speaker cosine)"] == "higher"
    assert said["word error rate"] == "lower"


def test_the_noise_of_the_scale_is_stretched_on_the_page_too(tmp_path: Path) -> None:
    tone = VoiceReport.read("tone", write_voice(tmp_path), FACTS)
    row, floor, ceiling = (tone.score("likeness", voice) for voice in ("new", "stock", "real"))
    assert row and floor and ceiling
    assert row["noise"] > 0
    assert tone.metrics["likeness_normalised_noise"] == pytest.approx(
        row["noise"] / (ceiling["value"] - floor["value"])
    )
