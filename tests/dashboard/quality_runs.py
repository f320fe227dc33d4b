"""Runs that lie beside each other, written by hand, and the page Quality over them without a server."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from fastapi import FastAPI
from starlette.middleware import Middleware

from penchant.dashboard.quality.page import PATH, routes
from penchant.dashboard.shell.http import Dashboard
from penchant.dashboard.shell.pages import Asked, Page
from penchant.dashboard.shell.rendering import Renderer
from penchant.dashboard.shell.sources import Sources
from penchant.operation.pages import RunsBeside
from penchant.serving.http.body import Limits
from penchant.serving.http.edge import Edge
from penchant.serving.http.routes import Routes
from penchant.serving.measures import Measures
from penchant.serving.service import Service
from tests.report.folders import config_of, noise, write_run
from tests.report.lookalike_folders import AUCS, config_with, metrics_of, section_of, write_lookalike

HOSTILE = "<script>alert(1)<script> \"quoted' & 標籤 🙂 \u202eשלום\u202c #?%41"
"""A name that a folder can have."""

BASELINES = {"popularity": noise(9, 0.3), "ridge, <b>all</b> windows": noise(8, 0.5)}


def write(around: Path, name: str, mean: float = 0.6, *, looks: float | None = None, **options: Any) -> Path:
    """A run with tag profiles of about this mean; looks: the AUC of its RALM, None where it has no audiences.

    options: `training`, a section of its run file; others as in `write_run`.
    """
    config = config_of(training=options.pop("training", {"seed": 0}))
    folder = write_run(around / name, config, noise(1, mean), baselines=BASELINES, **options)
    if looks is not None:
        section = section_of(config.models["tags"].model_dump()["training"]["seed"])
        said = config_with(section, config).model_dump(mode="json")
        (folder / "config.json").write_text(json.dumps({"config": said, "base": "."}), encoding="utf-8")
        write_lookalike(folder, metrics_of({**AUCS, "ralm": looks}))
    return folder


def write_all(around: Path) -> Path:
    """Seeds 0 and 1 of one configuration with audiences, another loss under a hostile name, other data; the first."""
    own = write(around, "own", looks=0.70)
    write(around, "own, seed 1", 0.61, looks=0.71, training={"seed": 1})
    write(around, HOSTILE, 0.4, training={"loss": "joint"})
    write(around, "other data", log="two")
    return own


def asked(url: str, *, part: bool = False) -> Asked:
    """What a browser asks by a URL. part: through htmx."""
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return Asked(dict(pairs), {}, lambda name: [said for key, said in pairs if key == name], "read", "", part)


def sources_of(own: Path) -> Sources:
    """No more than the page reads, so that a test needs no trained model."""
    return cast(Sources, SimpleNamespace(folder=own, runs=RunsBeside(own)))


def page_of(own: Path, query: str = "", *, part: bool = False) -> str:
    """The HTML that a reader of `own`'s dashboard gets."""
    (route,) = routes(sources_of(own))
    page = route.answer(asked(f"{PATH}{query}", part=part))
    assert isinstance(page, Page)
    return Renderer(lambda name: name, {"run": own.name, "live": False}).page(page, "", "")


def app_of(own: Path) -> FastAPI:
    """The page alone, as it is served to everybody."""
    measures = Measures()
    app = FastAPI(middleware=[Middleware(Edge, clock=lambda: 0.0, measures=measures, linger_s=0.0)])
    to = Routes(app, cast(Service, None), None, Limits(), measures)
    Dashboard(to, None, routes(sources_of(own)), about={"run": own.name, "live": False})
    return app
