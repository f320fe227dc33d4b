"""The OpenAPI description, and a page made of it that needs no network and no script."""

from base64 import b64encode
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from fastapi import Response
from fastapi.openapi.utils import get_openapi
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic.json_schema import models_json_schema

from penchant.serving.http.answers import Json
from penchant.serving.http.routes import Routes
from penchant.serving.http.shapes import Events, ItemFields, ItemsBody, ScoreRequest
from penchant.version import __version__

STYLE = (
    ":root{color-scheme:light dark;--ink:#222;--paper:#fff;--line:#d5d5d0;--shade:#f4f4f2;--link:#0b57a4}"
    "@media(prefers-color-scheme:dark){:root{--ink:#ddd;--paper:#181818;--line:#444;--shade:#262626;--link:#8ab8ea}}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;"
    "color:var(--ink);background:var(--paper);overflow-wrap:anywhere}"
    "a{color:var(--link)}h1{font-size:1.6rem;margin-top:2.5rem}"
    "h2{font:1.1rem/1.4 ui-monospace,monospace;margin:.5rem 0}"
    "h2 b{background:var(--shade);border:1px solid var(--line);border-radius:.3rem;padding:.1rem .4rem}"
    "code,pre{font:.875rem/1.5 ui-monospace,monospace}pre{overflow-x:auto;background:var(--shade);padding:.75rem}"
    "nav ul{list-style:none;padding:.75rem 1rem;background:var(--shade);columns:22rem}"
    "section{border-top:1px solid var(--line);padding:1rem 0 .5rem}summary{cursor:pointer}"
    "dl{display:grid;grid-template-columns:minmax(4rem,max-content) 1fr;gap:.15rem 1rem;margin:.5rem 0}dd{margin:0}"
)

_STYLE_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class DescriptionRoutes:
    def __init__(self, routes: Routes) -> None:
        self._app = routes.app
        for path, endpoint in (("/v1/openapi.json", self.description), ("/docs", self.page)):
            routes.app.add_api_route(path, endpoint, include_in_schema=False)

    async def description(self) -> Response:
        return Json(self._description)

    async def page(self) -> Response:
        headers = {"Content-Security-Policy": POLICY}
        return Response(self._page, media_type="text/html; charset=utf-8", headers=headers)

    @cached_property
    def _said(self) -> dict[str, Any]:
        found = get_openapi(title="Penchant", version=__version__, routes=self._app.routes)
        asked = [(model, "validation") for model in (Events, ItemsBody, ItemFields, ScoreRequest)]
        _, models = models_json_schema(asked, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
        parts = found["components"]
        parts["schemas"] |= models["$defs"]
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "pk_<name>_<secret>"}}
        return found

    @cached_property
    def _description(self) -> bytes:
        return orjson.dumps(self._said)

    @cached_property
    def _page(self) -> str:
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        return environment.get_template("description.html.jinja").render(said=self._said, style=STYLE)
