"""The dashboard as routes of an app that runs already: access, threads, templates and headers. Pages themselves know no
HTTP."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import QueryParams

from penchant.dashboard.shell.access import LOGIN, ROOT, Access, Visitor, inside, let_forget, login_url, remember
from penchant.dashboard.shell.pages import Answer, Asked, File, Moved, Page, Route
from penchant.dashboard.shell.rendering import Renderer
from penchant.dashboard.shell.static_files import Assets
from penchant.errors import PenchantError, StoreError
from penchant.serving.http.answers import CODES, RequestError, code_of, line_of, sender_of
from penchant.serving.http.body import Bodies, Limits
from penchant.serving.http.calls.threads import Threads
from penchant.serving.http.routes import Routes
from penchant.serving.keys import Keys, NoKeyError
from penchant.serving.roles.consumer import MOST_TEXT

FORM = "application/x-www-form-urlencoded"
FORMS = Limits(body=20_000, bodies=2_000_000, share=500_000, least=20_000, body_s=10.0)

THREADS, SHARE = 3, 2
"""Pages that are worked on at the same time, and those of them for one key; the other threads are left to the API."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",
}
"""The referrer policy lets browsers say where a form comes from, which `Access` asks for."""

Endpoint = Callable[[Request], Awaitable[Response]]


class Dashboard:
    """Adds its pages to an app. keys: None where everybody may do everything."""

    def __init__(self, routes: Routes, keys: Keys | None, pages: Sequence[Route], *, about: dict[str, Any]) -> None:
        """about: what every page shows of the run."""
        self._routes, self._access, self._assets = routes, Access(routes, keys), Assets()
        self._threads, self._bodies = Threads(THREADS, SHARE), Bodies(FORMS)
        self._renderer = Renderer(self._assets.url, about)
        for one in pages:
            self._add(one.method, one.path, self._endpoint(one))
        self._add("GET", "/", self._first)
        self._add("GET", ROOT, self._first)
        self._add("GET", f"{ROOT}/", self._first)
        self._add("GET", LOGIN, self._ask_for_key)
        self._add("POST", LOGIN, self._log_in)
        self._add("POST", f"{ROOT}/logout", self._log_out)
        self._add("GET", f"{ROOT}/static/{{name}}", self._assets.answer)
        self._add("GET", f"{ROOT}/{{rest:path}}", self._nowhere)

    def _add(self, method: str, path: str, endpoint: Endpoint) -> None:
        self._routes.app.add_api_route(path, endpoint, methods=[method], include_in_schema=False, response_model=None)

    def _endpoint(self, route: Route) -> Endpoint:
        async def answer(request: Request) -> Response:
            visitor = None
            try:
                visitor = await self._access.visitor(request, route.needs)
                asked = await self._asked(request, visitor)
                return await self._work(request, lambda: self._respond(route.answer(asked), visitor))
            except NoKeyError:
                return self._to_log_in(request)
            except PenchantError as error:
                return await self._work(request, self._problem, request, error, visitor)

        return answer

    async def _asked(self, request: Request, visitor: Visitor) -> Asked:
        query, part = request.query_params, "hx-request" in request.headers
        _refuse_long(query)
        form = await self._form(request) if request.method == "POST" else {}
        return Asked(dict(query), form, query.getlist, visitor.scope, visitor.key, part)

    async def _form(self, request: Request) -> dict[str, str]:
        async with self._bodies.of(request, (FORM,)) as (_, content):
            return dict(parse_qsl(content.decode(errors="replace")))

    async def _work(self, request: Request, function: Callable[..., Response], *args: Any) -> Response:
        return await self._threads.run(sender_of(request), lambda: function(*args))

    def _respond(self, answer: Answer, visitor: Visitor | None) -> Response:
        match answer:
            case Moved(url):
                return RedirectResponse(url, 303, HEADERS)
            case File(content, media_type, name):
                named = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"} if name else {}
                return Response(content, media_type=media_type, headers=HEADERS | named)
            case Page():
                text = self._renderer.page(answer, visitor.scope if visitor else "", visitor.key if visitor else "")
                return Response(text, answer.status, HEADERS, "text/html; charset=utf-8")

    def _problem(self, request: Request, error: PenchantError, visitor: Visitor | None) -> Response:
        status, code = _code(error)
        line_of(request).status = status
        message = str(error)
        if isinstance(error, StoreError):
            self._routes.measures.store_failed()
            line_of(request).error = [type(error).__name__, message]
            message = "the store cannot do this now; try again in a moment"
        part = "part" if "hx-request" in request.headers else "page"
        values = {"status": status, "code": code, "message": message, "part": part == "part"}
        return self._respond(Page("problem", values, status), visitor)

    async def _first(self, _request: Request) -> Response:
        return RedirectResponse(f"{ROOT}/users", 303, HEADERS)

    async def _nowhere(self, request: Request) -> Response:
        error = RequestError(404, "not_found", "there is no such page")
        return await self._work(request, self._problem, request, error, None)

    async def _ask_for_key(self, request: Request) -> Response:
        if self._access.open_to_all:
            return await self._first(request)
        return self._log_in_page(inside(request.query_params.get("next", "")), "", 200)

    async def _log_in(self, request: Request) -> Response:
        if self._access.open_to_all:
            return await self._first(request)
        form: dict[str, str] = {}
        try:
            form = await self._form(request)
            token = await self._access.log_in(request, form.get("key", "").strip())
        except PenchantError as error:
            status = _code(error)[0]
            return self._log_in_page(inside(form.get("next", "")), str(error), status)
        response = RedirectResponse(inside(form.get("next", "")), 303, HEADERS)
        remember(request, response, token)
        return response

    def _to_log_in(self, request: Request) -> Response:
        """Send the browser to the log-in. A part of a page cannot hold the log-in, so the whole page goes there."""
        if "hx-request" in request.headers:
            return Response(status_code=401, headers=HEADERS | {"HX-Redirect": LOGIN})
        pseudonymous = self._routes.service.pseudonymous
        return RedirectResponse(login_url(request, pseudonymous=pseudonymous), 303, HEADERS)

    def _log_in_page(self, goes_to: str, problem: str, status: int) -> Response:
        return self._respond(Page("login", {"next": goes_to, "problem": problem}, status), None)

    async def _log_out(self, request: Request) -> Response:
        try:
            self._access.log_out(request)
        except PenchantError as error:
            return await self._work(request, self._problem, request, error, None)
        response = RedirectResponse(LOGIN, 303, HEADERS)
        let_forget(request, response)
        return response


def _refuse_long(query: QueryParams) -> None:
    """A page says again and again what it was asked for."""
    if any(len(value) > MOST_TEXT for _, value in query.multi_items()):
        raise RequestError(422, "invalid", f"no id, tag or text has more than {MOST_TEXT:,} characters; ask for less")


def _code(error: PenchantError) -> tuple[int, str]:
    """Return status and code. An error that the API has no code for is a fault of the server, and its message says how
    to mend it."""
    known = isinstance(error, (RequestError, *CODES))
    return code_of(error) if known else (500, "internal")
