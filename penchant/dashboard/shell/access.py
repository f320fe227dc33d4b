"""Who asks for a page: visitors show a key once and get a cookie for it; where there are no keys, nobody is asked."""

from dataclasses import dataclass
from time import monotonic
from urllib.parse import quote, urlsplit

from fastapi import Request, Response

from penchant.choices import Scope
from penchant.dashboard.shell.sessions import Sessions
from penchant.logs.pseudonyms import FORM
from penchant.serving.http.answers import RequestError, line_of
from penchant.serving.http.routes import Routes
from penchant.serving.keys import Keys, NoKeyError
from penchant.store.base import Key

COOKIE = "penchant_session"
ROOT = "/dashboard"
LOGIN = f"{ROOT}/login"

HERE = ("localhost", "127.0.0.1", "::1")
"""Names of this machine. Where no key is asked for, a request under another name comes from a site that poses as it."""


@dataclass(frozen=True)
class Visitor:
    """A person who asks for a page. scope: of the key that they showed; key: its public name, "" where there are no
    keys."""

    scope: Scope
    key: str


class Access:
    """Lets visitors in. keys: None where everybody may do everything; the caller allows that to visitors from this
    machine alone."""

    def __init__(self, routes: Routes, keys: Keys | None) -> None:
        self._routes, self._keys = routes, keys
        self._sessions = Sessions(monotonic)

    @property
    def open_to_all(self) -> bool:
        return self._keys is None

    async def visitor(self, request: Request, needs: Scope) -> Visitor:
        """Return the visitor behind a request. Raises NoKeyError where nobody is logged in, ScopeError, TooOftenError,
        RequestError."""
        if request.method != "GET":
            _refuse_foreign(request)
        if self._keys is None:
            _refuse_other_names(request)
            return Visitor("admin", "")
        shown = self._sessions.key(request.cookies.get(COOKIE, ""))
        if shown is None:
            raise NoKeyError("this needs a key; log in with one")
        if self._keys.is_old(shown.name):
            await self._routes.look_up_keys()
        return self._visitor(request, self._keys.again(shown, needs))

    async def log_in(self, request: Request, key: str) -> str:
        """Begin a session and return its token. Raises NoKeyError, ScopeError, TooOftenError, RequestError."""
        _refuse_foreign(request)
        assert self._keys is not None
        sent = f"Bearer {key}"
        if self._keys.is_stale(sent):
            await self._routes.look_up_keys()
        address = request.client.host if request.client else ""
        known = self._keys.check(sent, address, "read")
        self._visitor(request, known)
        return self._sessions.begin(known)

    def log_out(self, request: Request) -> None:
        _refuse_foreign(request)
        self._sessions.end(request.cookies.get(COOKIE, ""))

    def _visitor(self, request: Request, key: Key) -> Visitor:
        line_of(request).key = key.name
        return Visitor(key.scope, key.name)


def remember(request: Request, response: Response, token: str) -> None:
    """Set the cookie. No script can read it, other sites cannot post with it, and it ends with the browser."""
    response.set_cookie(COOKIE, token, path=ROOT, httponly=True, samesite="lax", secure=_is_secure(request))


def let_forget(request: Request, response: Response) -> None:
    """Have the browser drop the cookie. `Clear-Site-Data` would drop those of everything else on this host too."""
    response.delete_cookie(COOKIE, path=ROOT, httponly=True, samesite="lax", secure=_is_secure(request))


def _is_secure(request: Request) -> bool:
    """Whether the browser speaks HTTPS, as far as this server, or a proxy that it trusts, knows."""
    return request.url.scheme == "https"


def login_url(request: Request, *, pseudonymous: bool) -> str:
    """Return the address of the log-in, which leads back to the page that was asked for. pseudonymous: users have
    pseudonyms, so the address does not hold an id; nor may a stranger learn its pseudonym."""
    asked = request.url
    if pseudonymous and not all(map(FORM.fullmatch, request.query_params.getlist("user"))):
        asked = asked.remove_query_params("user")
    here = asked.path + (f"?{asked.query}" if asked.query else "")
    return f"{LOGIN}?next={quote(here, safe='')}"


def inside(url: str) -> str:
    """Return the page of the dashboard to go to: the one that was asked for, or the first page where that lies on
    another site.

    >>> inside("/dashboard/tags?tag=a"), inside("//elsewhere/dashboard/"), inside("/dashboard\\\\..")
    ('/dashboard/tags?tag=a', '/dashboard/', '/dashboard/')
    """
    parts = urlsplit(url) if url.isprintable() and "\\" not in url else urlsplit("")
    own = not parts.scheme and not parts.netloc and parts.path.startswith(f"{ROOT}/") and ".." not in parts.path
    return url if own and not parts.path.startswith(LOGIN) else f"{ROOT}/"


def _refuse_foreign(request: Request) -> None:
    """Refuse a form that another site has sent. Browsers say where a form comes from; our forms come from the host that
    they go to."""
    origin = request.headers.get("origin", "")
    if urlsplit(origin).netloc != request.headers.get("host"):
        raise RequestError(403, "forbidden", f"this form comes from {origin[:100]!r}; use the page itself")


def _refuse_other_names(request: Request) -> None:
    host = request.headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        name = None
    if name not in HERE:
        message = f"without keys only this machine is served, but it was called {host[:100]!r}; use localhost"
        raise RequestError(403, "forbidden", message)
