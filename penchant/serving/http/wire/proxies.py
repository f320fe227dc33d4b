"""What proxies that are trusted say of a request: where it came from, and whether by HTTPS."""

from collections.abc import Sequence
from typing import Any, cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

PROTO = b"x-forwarded-proto"


class Proxied:
    """Has an app see who a trusted proxy speaks for, by `X-Forwarded-For` and `X-Forwarded-Proto`; nobody else is
    believed. proxies: addresses and networks."""

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        trusting = cast("type[Any]", ProxyHeadersMiddleware)  # whose types are narrower than those of Starlette
        self._app: ASGIApp = trusting(app, [form for proxy in proxies for form in _forms(proxy)])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = [value for name, value in scope.get("headers", ()) if name == PROTO]
        if said:
            others = [(name, value) for name, value in scope["headers"] if name != PROTO]
            scope["headers"] = [*others, (PROTO, _first(said))]
        await self._app(scope, receive, send)


def _first(said: Sequence[bytes]) -> bytes:
    """How the browser came, who stands first where several proxies have each said something; in small letters, which
    is all that uvicorn reads.

    >>> _first([b"HTTPS"]), _first([b"https, http"]), _first([b" Https", b"http"])
    (b'https', b'https', b'https')
    """
    return b",".join(said).split(b",")[0].strip().lower()


def _forms(proxy: str) -> list[str]:
    """How an address or a network looks to a socket: one that listens on IPv6 sees IPv4 as a part of it.

    >>> _forms("10.0.0.7"), _forms("10.0.0.0/8"), _forms("fd00::7")
    (['10.0.0.7', '::ffff:10.0.0.7'], ['10.0.0.0/8', '::ffff:10.0.0.0/104'], ['fd00::7'])
    """
    if ":" in proxy:
        return [proxy]
    address, _, prefix = proxy.partition("/")
    return [proxy, f"::ffff:{address}/{96 + int(prefix)}" if prefix else f"::ffff:{address}"]
