"""The page Quality: what it says of one run and of several, what it says where something is missing, and by hand."""

import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from penchant.dashboard.quality.comparison import MOST_COMPARED
from penchant.dashboard.shell.words import day, time
from tests.dashboard.browsers import PHONE, visiting
from tests.dashboard.quality_runs import HOSTILE, app_of, page_of, write, write_all
from tests.report.tags import Tags
from tests.serving.apps import running

FIRST = 1_772_323_200.0
"""The first moment of 1 March 2026, UTC seconds."""

ALL = "?run=own&run=own%2C+seed+1&run=other+data&run=" + "%3Cscript%3Ealert%281%29%3Cscript%3E"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_all(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def root(own: Path) -> Iterator[str]:
    """Of a server of the own run's dashboard, where 40 more runs lie beside it."""
    for number in range(40):
        (own.parent / f"run {number:02}" / "scores").mkdir(parents=True)
        for name in ("config.json", "scores/tags.json"):
            shutil.copy(own / name, own.parent / f"run {number:02}" / name)
    with running(app_of(own)) as address:
        yield address


def words(page: str) -> str:
    """What a reader sees, in a line."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_one_run_stands_beside_baselines_and_papers(own: Path) -> None:
    text = words(page_of(own))
    assert "At NDCG@10, UTPM AF-2head+CF has 0." in text
    assert "popularity" in text
    assert "paper, ML-20M" in text
    assert ".7614" in text
    assert "compare orders and differences, never the levels" in text
    assert "At AUC, RALM has 0.700 ± 0.010" in text
    assert "different tags among the K candidates ranked first" in text
    assert "own (seed 0), evaluated 2026-01-02 03:04 UTC by Penchant 0.1.0, commit abc1234." in text
    assert "penchant report " in text


def test_several_runs_say_what_is_better_in_words_and_signs(own: Path) -> None:
    page = page_of(own, f"?run=own&run={HOSTILE.replace('#', '%23').replace('&', '%26').replace('%41', '%2541')}")
    text = words(page)
    assert "How well 2 runs foretell" in text
    assert re.search(r"▼ clearly worse: −0\.\d{3} ±0\.\d{3}", text)
    assert re.search(r"training\.loss separate joint", text)
    assert '<td class="text differs">joint</td>' in page


def test_names_stay_text_wherever_they_stand(own: Path) -> None:
    page = page_of(own, ALL)
    tags = Tags(re.sub(r"<input[^>]*>", "", page))
    assert (tags.wrong, tags.open) == ([], [])
    assert {attributes.get("src") for name, attributes in tags.seen if name == "script"} == {
        "htmx.min.js",
        "echarts.common.min.js",
        "charts.js",
    }
    assert not any(key.startswith("on") or key == "style" for _, attributes in tags.seen for key in attributes)
    assert "<b>all</b>" not in page


def test_ids_are_unique_and_links_within_the_page_lead_somewhere(own: Path) -> None:
    seen = Tags(page_of(own, "?run=own&run=other+data")).seen
    ids = [attributes["id"] for _, attributes in seen if "id" in attributes]
    assert len(set(ids)) == len(ids)
    inside = {attributes["href"] for _, attributes in seen if (attributes.get("href") or "").startswith("#")}
    assert inside
    assert {str(link)[1:] for link in inside} <= set(ids)


def test_other_data_is_kept_apart(own: Path) -> None:
    text = words(page_of(own, "?run=own&run=other+data"))
    assert "Numbers of different parts must not be compared" in text
    assert "Tag profiles: data set 2 of 2" in text
    assert "must not be compared" not in words(page_of(own))


def test_what_was_asked_for_and_is_not_there_is_told(own: Path) -> None:
    text = words(page_of(own, "?run=own&run=<script>x&run="))
    assert "Not there, or not evaluated: <script>x . The others are shown." in text
    nothing = words(page_of(own, "?run=gone"))
    assert "No run to show" in nothing
    assert "Compare runs" in nothing


def test_a_damaged_run_is_named_with_what_to_do(tmp_path: Path) -> None:
    own = write(tmp_path, "own")
    (write(tmp_path, "bad") / "scores" / "tags.json").write_text("{", encoding="utf-8")
    text = words(page_of(own, "?run=own&run=bad"))
    assert re.search(r"bad cannot be shown: .*/bad/scores/tags\.json is damaged: .*penchant evaluate", text)
    assert "At NDCG@10, UTPM AF-2head+CF has" in text


def test_the_same_run_twice_is_told_beside_the_first_and_stays_ticked(tmp_path: Path) -> None:
    own = write(tmp_path, "own")
    write(tmp_path, "copy")
    page = page_of(own, "?run=own&run=copy")
    assert re.search(r"copy cannot be shown: .* give only one of them", words(page))
    assert re.findall(r'value="([^"]*)" checked', page) == ["own", "copy"]


def test_where_too_many_are_the_same_only_the_first_is_shown(tmp_path: Path) -> None:
    names = [write(tmp_path, name).name for name in ("own", "a", "b", "c", "d")]
    asked = "&".join(f"run={name}" for name in names)
    assert "cannot be shown together, so only own is: " in words(page_of(tmp_path / "own", f"?{asked}"))


def test_more_runs_than_fit_are_told(tmp_path: Path) -> None:
    for seed in range(MOST_COMPARED + 1):
        write(tmp_path, f"run{seed}", training={"seed": seed})
    asked = "&".join(f"run=run{seed}" for seed in range(MOST_COMPARED + 1))
    assert "1 more was asked for" in words(page_of(tmp_path / "run0", f"?{asked}"))


def test_a_run_that_is_not_evaluated_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "runs" / "my run").mkdir(parents=True)
    text = words(page_of(tmp_path / "runs" / "my run"))
    assert "my run is not evaluated yet. penchant evaluate 'runs/my run' measures it" in text
    assert "Compare runs" not in text


def test_a_run_alone_says_how_others_come_to_be_listed(tmp_path: Path) -> None:
    text = words(page_of(write(tmp_path / "runs", "own")))
    assert "No other evaluated run lies in the same folder" in text
    assert "The run file has no look-alike" in text


def test_audiences_that_are_wanted_and_not_measured_say_what_to_run(tmp_path: Path) -> None:
    own = write(tmp_path / "runs", "own", looks=0.7)
    (own / "scores" / "ralm.json").unlink()
    assert "penchant evaluate runs/own measures them beside" in words(page_of(own))
    write(tmp_path / "runs", "other", looks=0.7, training={"seed": 1})
    assert "wanted but not measured yet in own: penchant evaluate" in words(page_of(own, "?run=own&run=other"))


def test_a_run_with_audiences_only_says_what_to_run(tmp_path: Path) -> None:
    own = write(tmp_path / "runs", "own", looks=0.7)
    (own / "scores" / "tags.json").unlink()
    text = words(page_of(own))
    assert "penchant evaluate runs/own measures them" in text
    assert "At AUC, RALM has" in text


def test_a_reference_that_is_not_ralm_keeps_its_name(tmp_path: Path) -> None:
    own = write(tmp_path / "runs", "own", looks=0.7)
    text = (own / "config.json").read_text(encoding="utf-8")
    models = json.loads(text)["config"]["models"]
    kept = {"name": "logistic", "training": models.pop("ralm")["training"]}
    said = json.loads(text)
    said["config"]["models"] = {**models, "mine": kept}
    (own / "config.json").write_text(json.dumps(said), encoding="utf-8")
    scores = (own / "scores" / "ralm.json").read_text(encoding="utf-8")
    (own / "scores" / "mine.json").write_text(scores.replace('"ralm"', '"mine"'), encoding="utf-8")
    (own / "scores" / "ralm.json").unlink()
    text = words(page_of(own))
    assert "At AUC, mine has 0.700 ± 0.010" in text
    assert "mine is measured beside other ways to rank them" in text
    assert "Right of zero mine is better" in text
    assert not re.search(r"RALM (has|is|minus|below)", text)
    assert "WeChat 2018" not in text


def test_a_part_of_the_page_lists_runs_by_their_names(own: Path) -> None:
    part = page_of(own, "?find=SEED&run=other+data", part=True)
    assert "<html" not in part
    assert re.findall(r'value="([^"]*)"( checked)?', part) == [("other data", " checked"), ("own, seed 1", "")]
    assert "No run has a name like that" in page_of(own, "?find=nothing", part=True)


def draws(page: Page) -> bool:
    """Whether every chart has been drawn."""
    return bool(page.evaluate("[...document.querySelectorAll('.plot')].every((one) => one.querySelector('canvas'))"))


@pytest.mark.parametrize("phone", [False, True])
def test_a_browser_shows_runs_side_by_side(root: str, browser: Browser, phone: bool) -> None:
    with visiting(browser, root, window=PHONE if phone else None, dark=phone) as visit:
        page = visit.go(f"/quality{'' if phone else '?run=own&run=own%2C+seed+1'}")
        page.evaluate("document.querySelectorAll('details:not(.numbers)').forEach((one) => { one.open = true })")
        assert draws(page)
        assert not visit.overflows()
        assert not visit.violations()


def test_runs_are_found_ticked_and_compared_by_keyboard(root: str, browser: Browser) -> None:
    with visiting(browser, root) as visit:
        page = visit.go("/quality")
        field = page.get_by_label("Only runs whose name holds")
        field.focus()
        page.keyboard.type("SEED")
        page.get_by_text("run 00").wait_for(state="detached")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        assert page.get_by_role("button", name="Compare").evaluate("one => one === document.activeElement")
        page.keyboard.press("Enter")
        page.wait_for_url("**/quality?find=SEED&run=own&run=own%2C+seed+1")
        assert page.get_by_text("How well 2 runs foretell").is_visible()
        visit.sound()
        page.get_by_role("link", name="make it the reference (own, seed 1)").press("Enter")
        page.wait_for_url("**/quality?run=own%2C+seed+1&run=own")
        assert page.locator("p.lead strong").inner_text() == "own, seed 1"
        visit.sound()


def test_hostile_names_are_shown_as_they_are(root: str, browser: Browser) -> None:
    with visiting(browser, root) as visit:
        page = visit.go("/quality?find=script")
        page.get_by_label(HOSTILE).check()
        page.get_by_role("button", name="Compare").press("Enter")
        page.get_by_text("How well 2 runs foretell").wait_for()
        assert page.get_by_role("cell", name=HOSTILE).count() or page.get_by_role("rowheader", name=HOSTILE).count()
        assert draws(page)
        visit.sound()


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_a_day_is_that_of_utc_and_a_moment_that_of_the_reader(browser: Browser, root: str, zone: str) -> None:
    with visiting(browser, root, zone=zone) as visit:
        page = visit.go("/quality")
        page.evaluate(
            "text => document.body.insertAdjacentHTML('beforeend', text)", f"<p id=said>{day(FIRST)}{time(FIRST)}</p>"
        )
        page.evaluate("localise(document)")
        shown_day, shown_time = page.locator("#said time").all_text_contents()
    assert shown_day == "1 Mar 2026"
    assert shown_time == {"America/New_York": "28 Feb 2026, 19:00", "Pacific/Auckland": "1 Mar 2026, 13:00"}[zone]
