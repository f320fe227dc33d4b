"""How numbers, times and shares are written on pages."""

import datetime
from math import isfinite

from markupsafe import Markup

SHADES = 10
"""Steps of a shaded cell, as classes of the style sheet."""

NARROW = "\u202f"
"""Between thousands, and before units: a space that does not break."""


def count(number: float) -> str:
    """Write a number whole, with narrow spaces between thousands.

    >>> count(1234567)
    '1\u202f234\u202f567'
    """
    return f"{number:,.0f}".replace(",", NARROW)


def share(value: float) -> str:
    """Write a share in per cent, with as many digits as it needs.

    >>> share(0.5), share(0.0123), share(0.00012)
    ('50\u202f%', '1.2\u202f%', '0.012\u202f%')
    """
    percent = 100 * value
    digits = 0 if percent >= 9.95 or percent == 0 else 1 if percent >= 0.995 else 2 if percent >= 0.0995 else 3
    return f"{percent:.{digits}f}{NARROW}%"


def number(value: float, digits: int = 2) -> str:
    """Write a number with so many digits, and without a sign where these are all zero.

    >>> number(0.125, 3), number(-0.5), number(-0.001)
    ('0.125', '−0.50', '0.00')
    """
    said = f"{value:.{digits}f}"
    return said.replace("-", "" if float(said) == 0 else "−")


def signed(value: float, digits: int = 2) -> str:
    """Write a number with its sign, and zero without one.

    >>> signed(0.5), signed(-0.5), signed(-0.001)
    ('+0.50', '−0.50', '0.00')
    """
    said = number(value, digits)
    return f"+{said}" if value > 0 and float(said) else said


def size(number: float) -> str:
    """Write a number of bytes.

    >>> size(512), size(3_400_000), size(2_500_000_000)
    ('512\u202fB', '3.4\u202fMB', '2.5\u202fGB')
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= scale:
            return f"{number / scale:.1f}{NARROW}{unit}"
    return f"{number:.0f}{NARROW}B"


def span(seconds: float) -> str:
    """Write a length of time, in the unit that fits.

    >>> span(0.0042), span(42), span(3 * 3600), span(3 * 86400)
    ('4.2\u202fms', '42\u202fs', '3.0\u202fh', '3.0\u202fdays')
    """
    for unit, scale in (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * scale:
            return f"{seconds / scale:.1f}{NARROW}{unit}"
    if seconds >= 1:
        return f"{seconds:.0f}{NARROW}s"
    return f"{1_000 * seconds:.1f}{NARROW}ms"


def time(seconds: float | None) -> Markup:
    """Write a moment, UTC seconds; the browser shows it in the reader's own time zone.

    >>> time(0.0)
    Markup('<time datetime="1970-01-01T00:00:00+00:00">1970-01-01 00:00 UTC</time>')
    """
    return _time(seconds, "%Y-%m-%d %H:%M UTC", "")


def day(seconds: float | None) -> Markup:
    """Write the day of a moment."""
    return _time(seconds, "%Y-%m-%d", ' data-only="day"')


def _time(seconds: float | None, form: str, more: str) -> Markup:
    if seconds is None or not isfinite(seconds) or not 0 <= seconds < 253_402_300_800:
        return Markup("–")
    at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    said = at.isoformat(timespec="seconds")
    return Markup('<time datetime="{}"{}>{}</time>').format(said, Markup(more), at.strftime(form))  # noqa: S704


def shade(value: float, most: float) -> int:
    """Return the shade of a value beside the largest one, 0 to SHADES."""
    return round(max(0.0, value) / most * SHADES) if most > 0 else 0


def sentence(message: str) -> str:
    """Write an error's message as a sentence.

    >>> sentence("the store is away; try again")
    'The store is away; try again.'
    """
    return f"{message[:1].upper()}{message[1:]}."


def short(text: str, most: int = 60) -> str:
    """Cut a text to so many characters.

    >>> short("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"
