"""Text on its way to the terminal: what files, ids and errors hold may not give orders to it."""

import re
from typing import Any

import typer

_ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""All control characters but line feeds and tabs, marks that turn the direction of writing, halves of characters."""


class Styled(str):
    """Text with the terminal's orders for a style in it, which are ours."""

    __slots__ = ()


def shown(text: str) -> str:
    """Return a text without orders to a terminal: each control character as its picture, or as a dot.

    >>> shown("a\x1b[31mb\u202ec")
    'a␛[31mb·c'
    """
    return _ORDERS.sub(lambda found: _picture(found[0]), text)


def escaped(json: str) -> str:
    """Return JSON that says the same and gives no orders to a terminal.

    >>> escaped('"a\x9bb"')
    '"a\\\\u009bb"'
    """
    return _ORDERS.sub(lambda found: f"\\u{ord(found[0]):04x}", json)


def styled(text: object, **style: Any) -> Styled:
    """style: see `typer.style`."""
    return Styled(typer.style(shown(str(text)), **style))


def say(*parts: object, err: bool = False) -> None:
    """Write a line to stdout, or to stderr. parts: one after the other; only `styled` ones may give orders."""
    typer.echo("".join(part if isinstance(part, Styled) else shown(str(part)) for part in parts), err=err)


def _picture(mark: str) -> str:
    code = ord(mark)
    return chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else "·"
