"""The atlas: every number beside one counted by hand or anew, and nobody in it who was erased."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import DataError, UnknownTagError
from penchant.files import read_json, remove, write_json
from penchant.logs.forgotten import digest_of
from penchant.logs.formats.part import Portions
from penchant.logs.ingest import Log
from penchant.profiles import atlas_writing
from penchant.profiles.atlas import MANIFEST, VERSION, Atlas, Interested, erase, is_written
from penchant.profiles.atlas_writing import BOUNDS, FOREMOST, MOST_BINS, AtlasBounds, Grounds, survey, write_atlas
from penchant.progress import Progress
from tests.logs.logs_on_disk import DAY_S, NOON, all_events, read_log

Profiles = Mapping[str, tuple[Mapping[str, float], Mapping[str, float]]]
"""By user: their preferences for tags they clicked, and for those they did not, best first."""

SAID = {VERSION: "one"}
TAGS = ["jazz", "rock", "folk"]
ITEMS = {"files": "items.parquet", "item": "item", "fields": {"tags": "tags"}}
HOSTILE = ["<script>alert('x')</script>", "a" * 1_000, 'quoted "tag"\nof two lines', "موسيقى", "🎷 sax", ""]


def write_profiles(folder: Path, *buckets: Profiles) -> Path:
    """A file per bucket; one without users has no other column."""
    folder.mkdir()
    for number, profiles in enumerate(buckets):
        kinds: dict[str, pl.Series] = {"user": pl.Series(list(profiles), dtype=pl.String)}
        for place, kind in enumerate(("clicked", "unseen")) if profiles else ():
            told = [one[place] for one in profiles.values()]
            kinds[f"{kind}.tags"] = pl.Series([list(one) for one in told], dtype=pl.List(pl.String))
            kinds[f"{kind}.preferences"] = pl.Series([list(one.values()) for one in told], dtype=pl.List(pl.Float32))
        pl.DataFrame(kinds).write_parquet(folder / f"{number:05}.parquet")
    return folder


def small_log(folder: Path, **columns: Any) -> Log:
    """Four clicks and a view within a day; item 1 carries jazz twice and what is no known tag, item 4 nothing."""
    items = {"item": ["1", "2", "3"], "tags": [["jazz", "jazz", "polka"], ["jazz", "rock"], []]}
    pl.DataFrame(items).write_parquet(folder / "items.parquet")
    events = {"u": ["a", "a", "b", "b", "c"], "i": ["1", "2", "2", "4", "2"], "c": [True, True, True, True, False]}
    times = {"t": [NOON, NOON + DAY_S // 2, NOON + DAY_S, NOON + DAY_S, NOON]}
    return read_log(folder, pl.DataFrame({**events, **times, **columns}), items=ITEMS)


def grounds(log: Log, profiles: Path | None = None, **changed: Any) -> Grounds:
    """Of three tags, each with a direction of its own."""
    usual = {"field": "tags", "tags": TAGS, "names": TAGS, "vectors_VE": np.eye(3, dtype=np.float32)}
    return Grounds(log=log, profiles=profiles, **{**usual, **changed})


def written(told: Grounds, folder: Path, said: dict[str, str] = SAID) -> Atlas:
    write_atlas(survey(told, seed=0), folder / "dashboard", said, made=7.0)
    return Atlas(folder / "dashboard")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return small_log(tmp_path)


@pytest.fixture
def atlas(log: Log, tmp_path: Path) -> Atlas:
    anna = ({"jazz": 3.0, "rock": 1.0}, {"folk": 2.0})
    ben = ({"rock": 4.0}, {"jazz": 5.0})
    return written(grounds(log, write_profiles(tmp_path / "profiles", {"anna": anna}, {}, {"ben": ben})), tmp_path)


def test_numbers_of_a_small_log_are_those_counted_by_hand(atlas: Atlas) -> None:
    assert (len(atlas), atlas.tags, atlas.profiled, atlas.made, atlas.version) == (3, TAGS, True, 7.0, "one")
    assert atlas.clicks_V.tolist() == [3, 2, 0]  # 1 and twice 2; twice 2; nothing
    assert atlas.users_V.tolist() == [2, 2, 1]
    assert [atlas.number(tag) for tag in [*TAGS, "polka"]] == [0, 1, 2, None]
    assert atlas.interested("jazz") == [Interested("ben", 5.0), Interested("anna", 3.0)]
    assert atlas.interested("rock") == [Interested("ben", 4.0), Interested("anna", 1.0)]
    assert atlas.interested("folk") == [Interested("anna", 2.0)]


def test_clicks_fall_into_equal_bins_from_the_first_event_to_the_last(atlas: Atlas) -> None:
    np.testing.assert_allclose(atlas.edges, NOON + np.arange(MOST_BINS + 1) * DAY_S / MOST_BINS)
    last, middle = MOST_BINS - 1, MOST_BINS // 2
    assert np.flatnonzero(atlas.all_clicks_T).tolist() == [0, middle, last]
    assert atlas.all_clicks_T[[0, middle, last]].tolist() == [1, 1, 2]
    assert np.flatnonzero(atlas.movement("jazz")).tolist() == [0, middle, last]
    assert np.flatnonzero(atlas.movement("rock")).tolist() == [middle, last]
    assert not atlas.movement("folk").any()


def test_a_log_of_one_moment_has_one_bin(tmp_path: Path) -> None:
    atlas = written(grounds(small_log(tmp_path, t=[NOON] * 5)), tmp_path)
    assert (atlas.all_clicks_T.tolist(), atlas.movement("jazz").tolist()) == ([4], [3])
    assert atlas.edges.tolist() == [NOON, NOON]


def test_a_log_of_positions_has_clicks_and_no_movement(tmp_path: Path) -> None:
    small_log(tmp_path)  # for its items
    remove(tmp_path / "log")
    remove(tmp_path / "events-0.parquet")
    log = read_log(tmp_path, pl.DataFrame({"u": ["a", "a", "b"], "i": ["1", "2", "2"]}), items=ITEMS)
    assert log.position
    atlas = written(grounds(log), tmp_path)
    assert atlas.clicks_V.tolist() == [3, 2, 0]
    assert (len(atlas.edges), len(atlas.all_clicks_T), len(atlas.movement("jazz"))) == (0, 0, 0)


def test_without_profiles_nobody_is_interested_and_the_atlas_says_why(log: Log, tmp_path: Path) -> None:
    atlas = written(grounds(log), tmp_path)
    assert (atlas.profiled, atlas.users_V.tolist(), atlas.interested("jazz")) == (False, [0, 0, 0], [])


def test_a_log_in_two_buckets_is_counted_as_by_a_loop(tmp_path: Path) -> None:
    dice = np.random.default_rng(1)
    tags = [f"tag {number}" for number in range(4)]
    carried = {f"item {number}": dice.choice(tags, dice.integers(4), replace=False).tolist() for number in range(9)}
    times = NOON + dice.integers(3 * DAY_S, size=200)
    columns = {"u": dice.integers(30, size=200).astype(str), "i": [f"item {dice.integers(9)}" for _ in range(200)]}
    events = pl.DataFrame({**columns, "t": times, "c": dice.random(200) < 0.7})
    pl.DataFrame({"item": list(carried), "tags": list(carried.values())}).write_parquet(tmp_path / "items.parquet")
    log = read_log(tmp_path, events, items=ITEMS, portions=Portions(bucket=101))
    assert log.buckets == 2
    told = list[Progress]()
    known = grounds(log, tags=tags, names=tags, vectors_VE=np.eye(4, dtype=np.float32))
    write_atlas(survey(known, seed=0, report=told.append), tmp_path / "dashboard", SAID, made=7.0)
    atlas = Atlas(tmp_path / "dashboard")
    assert told[:2] == [Progress("clicks on tags", 1, 2), Progress("clicks on tags", 2, 2)]
    assert told[-1] == Progress("map of tags", 1, 1)
    movement: dict[str, list[int]] = {tag: [0] * MOST_BINS for tag in tags}
    width = (times.max() - times.min()) / MOST_BINS
    for item, time in all_events(log).filter("clicked").select("item", "time").iter_rows():
        for tag in carried[item]:
            movement[tag][min(int((time - times.min()) / width), MOST_BINS - 1)] += 1
    assert {tag: atlas.movement(tag).tolist() for tag in tags} == movement
    assert atlas.clicks_V.tolist() == [sum(movement[tag]) for tag in tags]
    assert atlas.all_clicks_T.sum() == all_events(log)["clicked"].sum()


KNOWN = [f"t{number}" for number in range(FOREMOST + 4)]
preferences = st.dictionaries(st.sampled_from([*KNOWN, "unknown"]), st.integers(-3, 3).map(float), max_size=20)
crowds = st.lists(preferences, max_size=8)


@given(crowds, st.integers(1, 3), st.integers(0, 20), st.sampled_from([0, 5, 1_000]))
def test_interested_are_those_found_by_a_loop_whatever_the_buckets(
    tmp_path_factory: pytest.TempPathFactory, crowd: list[dict[str, float]], buckets: int, clicked: int, waiting: int
) -> None:
    folder = tmp_path_factory.mktemp("profiles")
    users = {f"u{number}": best_first(told) for number, told in enumerate(crowd)}
    parts: list[dict[str, Any]] = [{} for _ in range(buckets)]
    for number, (user, told) in enumerate(reversed(users.items())):
        parts[number % buckets][user] = (dict(told[:clicked]), dict(told[clicked:]))
    told_of = Grounds(Log(folder, 0, True), "tags", KNOWN, KNOWN, np.zeros(0), write_profiles(folder / "in", *parts))
    bounds = AtlasBounds(interested=3, waiting=waiting)
    users_V, rows = atlas_writing._find_interested(told_of, bounds, lambda _: None)
    counts: dict[str, int] = defaultdict(int)
    fans: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for user, told in users.items():
        known = [(tag, preference) for tag, preference in told if tag != "unknown"]
        for place, (tag, preference) in enumerate(known):
            counts[tag] += place < FOREMOST
            fans[tag].append((-preference, user))
    assert users_V.tolist() == [counts[tag] for tag in KNOWN]
    assert rows.rows() == [
        (number, user, -less) for number, tag in enumerate(KNOWN) for less, user in sorted(fans[tag])[:3]
    ]


def best_first(told: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(told.items(), key=lambda pair: -pair[1])


def test_of_many_users_those_with_the_highest_preferences_are_kept(log: Log, tmp_path: Path) -> None:
    most = BOUNDS.interested
    users: Profiles = {f"u{number:03}": ({"jazz": float(number)}, {}) for number in range(most + 20)}
    atlas = written(grounds(log, write_profiles(tmp_path / "profiles", users)), tmp_path)
    found = atlas.interested("jazz")
    assert [one.preference for one in found] == [float(most + 19 - place) for place in range(most)]
    assert atlas.users_V[0] == most + 20


def test_the_most_clicked_tags_are_on_the_map_and_no_others(log: Log, tmp_path: Path) -> None:
    assert np.isfinite(written(grounds(log), tmp_path).place_VC).all()
    place_VC = survey(grounds(log), seed=0, bounds=AtlasBounds(mapped=2)).arrays["place"]
    assert place_VC.shape == (3, 2)
    assert np.isnan(place_VC).any(1).tolist() == [False, False, True]
    assert sorted(place_VC[:2, 0].tolist()) == [-1.0, 1.0]


def test_items_that_are_predicted_themselves_are_counted_and_have_their_names(log: Log, tmp_path: Path) -> None:
    profiles = write_profiles(tmp_path / "profiles", {"anna": ({"Blue": 2.0}, {"So What": 1.0, "2": 3.0})})
    changed = {"field": "item", "tags": ["2", "1", "9"], "names": ["So What", "Blue", "So What"]}
    atlas = written(grounds(log, profiles, **changed), tmp_path)
    assert atlas.clicks_V.tolist() == [2, 1, 0]
    assert (atlas.number("So What"), atlas.number("2")) == (0, None)
    assert (atlas.interested("Blue"), atlas.users_V.tolist()) == ([Interested("anna", 2.0)], [1, 1, 0])


def searched(folder: Path, tags: Sequence[str], clicks: Sequence[int]) -> Atlas:
    none = pl.DataFrame(schema={"number": pl.UInt32, "user": pl.String, "preference": pl.Float32})
    arrays: dict[str, np.ndarray] = {name: np.zeros((len(tags), 2)) for name in ("users", "place", "movement")}
    arrays |= {"clicks": np.array(clicks), "all_clicks": np.zeros(2), "edges": np.zeros(3)}
    write_atlas(atlas_writing.Surveyed(tags, arrays, none, False), folder / "dashboard", SAID, made=7.0)
    return Atlas(folder / "dashboard")


def test_search_finds_beginnings_then_parts_and_the_most_clicked_first(tmp_path: Path) -> None:
    tags = ["acid jazz", "Jazz", "jazzy", "free jazz", "rock"]
    atlas = searched(tmp_path, tags, [9, 1, 5, 10, 3])
    assert atlas.search("jazz", 9) == ["jazzy", "Jazz", "free jazz", "acid jazz"]
    assert atlas.search("JAZZ", 3) == ["jazzy", "Jazz", "free jazz"]
    assert atlas.search("", 2) == ["free jazz", "acid jazz"]
    assert atlas.search("k", 9) == ["rock"]
    assert (atlas.search("polka", 9), atlas.search("jazz", 0)) == ([], [])


@pytest.mark.parametrize(("text", "tag"), [("STRASSE", "straße"), ("ΟΔΌΣ", "Οδός 1"), (".*", "a.*b"), ("i", "İzmir")])
def test_search_reads_letters_of_any_language_and_no_patterns(tmp_path: Path, text: str, tag: str) -> None:
    assert searched(tmp_path, [tag, "other"], [1, 2]).search(text, 9) == [tag]


def test_tags_may_be_any_text(tmp_path: Path, log: Log) -> None:
    users: Profiles = {f"{tag} fan": ({tag: 1.0}, {}) for tag in HOSTILE}
    changed = {"tags": HOSTILE, "names": HOSTILE, "vectors_VE": np.eye(len(HOSTILE), dtype=np.float32)}
    atlas = written(grounds(log, write_profiles(tmp_path / "profiles", users), **changed), tmp_path)
    assert atlas.tags == HOSTILE
    for tag in HOSTILE:
        assert atlas.interested(tag) == [Interested(f"{tag} fan", 1.0)]
        assert tag in atlas.search(tag, 9)


def test_a_tag_that_is_not_known_is_refused(atlas: Atlas) -> None:
    for asked in (atlas.movement, atlas.interested):
        with pytest.raises(UnknownTagError, match="no tag is called 'polka' in the vocabulary"):
            asked("polka")


def test_an_atlas_without_tags_can_be_read(tmp_path: Path, log: Log) -> None:
    nothing: dict[str, Any] = {"tags": [], "names": [], "vectors_VE": np.zeros((0, 3))}
    atlas = written(grounds(log, write_profiles(tmp_path / "profiles"), **nothing), tmp_path)
    assert (len(atlas), atlas.place_VC.shape, atlas.search("", 9), atlas.all_clicks_T.sum()) == (0, (0, 2), [], 4)


def test_vectors_that_are_not_finite_are_refused(log: Log) -> None:
    spoilt = np.eye(3, dtype=np.float32)
    spoilt[1, 0] = np.nan
    with pytest.raises(DataError, match=r"the vectors of 1 of 3 tags are not finite; remove the run's model folder"):
        survey(grounds(log, vectors_VE=spoilt), seed=0)


def test_an_atlas_belongs_to_what_it_says_and_to_the_form_of_today(log: Log, tmp_path: Path) -> None:
    folder = tmp_path / "dashboard"
    assert not is_written(folder, SAID)
    written(grounds(log), tmp_path)
    assert is_written(folder, SAID)
    assert not is_written(folder, {VERSION: "two"})
    manifest = read_json(folder / MANIFEST)
    write_json(folder / MANIFEST, {**manifest, "said": {**manifest["said"], "form": 0}})
    assert not is_written(folder, SAID)


def test_what_was_stopped_while_it_was_written_is_not_there(log: Log, tmp_path: Path) -> None:
    unwritable = {VERSION: "one", "what the last file cannot hold": object()}
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_atlas(survey(grounds(log), seed=0), tmp_path / "dashboard", unwritable, made=7.0)
    assert not list(tmp_path.glob("dashboard*"))


def test_who_was_forgotten_meanwhile_is_left_out(log: Log, tmp_path: Path) -> None:
    profiles = write_profiles(tmp_path / "profiles", {user: ({"jazz": 1.0}, {}) for user in ("anna", "ben")})
    surveyed = survey(grounds(log, profiles), seed=0)
    assert surveyed.without(set()) is surveyed
    assert surveyed.without({digest_of("anna"), digest_of("carl")}).interested["user"].to_list() == ["ben"]


def test_who_is_erased_is_gone_at_once_from_what_is_open(atlas: Atlas, tmp_path: Path) -> None:
    clicks, users = atlas.clicks_V.tolist(), atlas.users_V.tolist()
    assert erase(tmp_path / "dashboard", "ben") == 2
    assert atlas.interested("jazz") == [Interested("anna", 3.0)]
    assert b"ben" not in (tmp_path / "dashboard" / "interested.arrow").read_bytes()
    again = Atlas(tmp_path / "dashboard")
    assert [again.interested(tag) for tag in TAGS] == [atlas.interested(tag) for tag in TAGS]
    assert (again.clicks_V.tolist(), again.users_V.tolist()) == (clicks, users)
    assert is_written(tmp_path / "dashboard", SAID)
    assert erase(tmp_path / "dashboard", "ben") == erase(tmp_path / "dashboard", "ann") == 0
    assert erase(tmp_path / "dashboard", "anna") == 3
    assert atlas.interested("jazz") == []


def test_where_there_is_no_atlas_nobody_has_to_be_erased(tmp_path: Path) -> None:
    assert erase(tmp_path / "dashboard", "anna") == 0


def test_another_atlas_in_its_place_says_nothing_of_the_tags_of_this_one(
    atlas: Atlas, log: Log, tmp_path: Path
) -> None:
    profiles = write_profiles(tmp_path / "others", {"carl": ({"rock": 1.0}, {})})
    other = written(grounds(log, profiles, tags=TAGS[::-1], names=TAGS[::-1]), tmp_path, {VERSION: "two"})
    assert other.interested("rock") == [Interested("carl", 1.0)]
    assert atlas.interested("rock") == []
    (tmp_path / "dashboard" / "interested.arrow").unlink()
    assert other.interested("rock") == []
