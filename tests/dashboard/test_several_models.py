"""A run with two vocabularies as pages and the API show it: each part of an answer is by the model that is named."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest

from penchant.client import Client
from penchant.operation.atlases import open_atlas
from penchant.operation.served import open_served
from penchant.pipeline import Run
from penchant.pipeline import run as run_all
from penchant.serving.person import PersonAsked
from penchant.serving.served import Served
from penchant.serving.service import Service
from tests.dashboard.sites import Site
from tests.helpers.channels import write_two_channels
from tests.helpers.shared import made_once
from tests.serving.apps import Reply, ask, running
from tests.serving.worlds import MADE

USER = "u000"
LETTERS = {"news": "n", "video": "v"}
"""Of the tags of each model, news first."""


@dataclass(frozen=True)
class World:
    """A run with profiles by two models, and a server of it."""

    served: Served
    service: Service
    url: str

    def get(self, path: str) -> Reply:
        return ask(self.url, "GET", path)

    def page(self, path: str) -> str:
        """A page as a person reads it."""
        said = self.get(f"/dashboard/{path}")
        assert said.status == 200, said.content
        return " ".join(unescape(said.content.decode()).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        run_all(write_two_channels(folder / "log"), folder / "run")
        open_atlas(folder / "run")

    return made_once(tmp_path_factory, "two channels", make) / "run"


@contextmanager
def serving(folder: Path, served: Served) -> Iterator[World]:
    site = Site(served, folder)
    with running(site.app) as url:
        yield World(served, site.service, url)


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[World]:
    with serving(folder, open_served(folder, clock=lambda: MADE)) as found:
        yield found


def letters(text: str) -> set[str]:
    """Of the tags that a text names."""
    return set(re.findall(r"\b([nv])\d-\d\b", text))


def between(text: str, start: str, stop: str) -> str:
    return text[text.index(start) :].partition(stop)[0]


@pytest.mark.parametrize("name", [*LETTERS, None])
def test_every_part_of_a_users_page_is_by_the_model_that_is_named(world: World, name: str | None) -> None:
    said = world.page(f"users?user={USER}" + (f"&model={name}" if name else ""))
    letter = {LETTERS[name or "news"]}
    assert f"<strong><bdi>{name or 'news'}</bdi></strong>" in said
    for start, stop in (
        ("<p>Clicked most:", "</p>"),
        ('<ul class="tags">', "</ul>"),
        ('<ol class="next">', "</ol>"),
        ('<ul class="clicked">', "</ul>"),
        ("<dt>foremost interest", "</div>"),
    ):
        assert letters(between(said, start, stop)) == letter, start


@pytest.mark.parametrize("name", LETTERS)
def test_no_link_about_a_tag_ends_where_the_tag_is_unknown(world: World, name: str) -> None:
    """The atlas knows the tags of the model whose profiles come first."""
    said = world.page(f"users?user={USER}&model={name}")
    links = set(re.findall(r'href="/dashboard/([^"#]*)', said))
    about = {link for link in links if "tag=" in link}
    assert bool(about) == (name == "news")
    for link in {*about, *(link for link in links if "why=" in link)}:
        there = world.page(link)
        for refusal in ("There is no tag", "No tag is called so", "No tag of this model"):
            assert refusal not in there, link


def test_older_clicks_reasons_and_orders_keep_the_model(world: World) -> None:
    said = world.page(f"users?user={USER}&model=video")
    links = [link for link in re.findall(r'href="/dashboard/users([^"]*)', said) if "why=" in link or "by=" in link]
    assert links
    assert all("model=video" in link for link in links)


@pytest.mark.parametrize("path", ["profile", "explain", "recall"])
def test_an_unknown_model_is_refused_with_those_there_are(world: World, path: str) -> None:
    for name in ("weather", "<b>"):
        told = f"no interest model that makes profiles is called {name!r}; there are news, video"
        answer = world.get(f"/v1/users/{USER}/{path}?model={quote(name)}")
        assert (answer.status, answer.code) == (404, "unknown_model")
        assert answer.said["error"]["message"] == told
        page = world.get(f"/dashboard/users?user={USER}&model={quote(name)}")
        assert page.status == 404
        assert told in unescape(unescape(page.content.decode()))
        assert b"<b>" not in page.content


def test_recall_is_by_the_tags_of_the_model_that_is_named(world: World) -> None:
    with Client(world.url, "") as client:
        found = {name: client.recall(USER, model=name) for name in LETTERS}
        unnamed = client.recall(USER)
    for name, letter in LETTERS.items():
        assert {reason["tag"][0] for one in found[name] for reason in one["reasons"]} == {letter}
        assert all(world.service.view.tags_of(one["item"], name) for one in found[name])
    assert unnamed == found["news"] != found["video"]


def test_an_item_that_is_put_is_recalled_by_its_tags_of_each_model(folder: Path) -> None:
    with serving(folder, open_served(folder, clock=lambda: MADE)) as world:
        world.service.put_items({"put": {"news_tags": ["n0-0"], "video_tags": ["v1-0"]}})
        assert [list(world.service.view.tags_of("put", name)) for name in LETTERS] == [["n0-0"], ["v1-0"]]
        for name in LETTERS:
            assert "put" in {one.item for one in world.service.recall(USER, 500, model=name)}


def test_a_tag_of_another_model_is_refused_with_the_name_of_that_model(world: World) -> None:
    answer = world.get(f"/v1/users/{USER}/explain?tag=n0-0&model=video")
    assert (answer.status, answer.code) == (404, "unknown_tag")
    assert "'n0-0' is no tag of the model 'video', but one of 'news'" in answer.said["error"]["message"]


def test_pages_of_tags_say_whose_tags_they_show_where_there_are_several(folder: Path, world: World) -> None:
    told = "tags of the model <bdi>news</bdi> alone, whose profiles come first; those of <bdi>video</bdi> are not among"
    for path in ("tags", "tags?tag=v0-0", "users", "users?tag=v0-0"):
        assert told in world.page(path), path
    one = replace(world.served, profiles={"news": world.served.interests("news")})
    with serving(folder, one) as alone:
        for path in ("tags", "users", "users?tag=v0-0"):
            assert "whose profiles come first" not in alone.page(path)


def test_the_server_agrees_with_the_run_on_what_was_clicked(folder: Path, world: World) -> None:
    """The terminal shows the same tags beside the same clicks."""
    run = Run.open(folder)
    for name in LETTERS:
        offline = [tags or [] for tags in run.clicks(USER, name)["tags"].to_list()]
        person = world.service.person(USER, PersonAsked(model=name))
        assert [[tag for tag, _ in one.tags] for one in person.clicks] == offline
        assert all(known for one in person.clicks for _, known in one.tags)
