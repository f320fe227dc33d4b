"""Figures as SVG that lives inside a page: its colours are the page's own, its text stays text, its ids are unique.

Inline styles become attributes, so that the page may forbid every style but its own; colours become CSS variables, so
that one drawing suits a light and a dark page.
"""

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER = "#010101", "#020202", "#030303", "#040404"
"""Stand-ins that become the page's colours."""
SERIES = [f"#a0a0a{number:x}" for number in range(8)]
"""Stand-ins for the colours of the groups, by number."""

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES)},
}
_NAMESPACE = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_LOOK: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "axes.facecolor": "none",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "figure.facecolor": "none",
    "lines.solid_capstyle": "round",
}


@contextmanager
def look() -> Iterator[None]:
    """The house's look, for everything drawn inside."""
    with matplotlib.rc_context(_LOOK), warnings.catch_warnings():
        # Text stays text, so that the reader's browser finds the letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def inline(figure: Figure, name: str, description: str) -> str:
    """The figure as an <svg> element. name: of letters, digits and dashes, its own on the page; description: for those
    who do not see it."""
    drawn = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with look():
        figure.savefig(drawn, format="svg", transparent=True, metadata=nothing)
    root = ElementTree.fromstring(drawn.getvalue())  # noqa: S314 - matplotlib's own output
    for parent in root.iter():
        for child in [one for one in parent if one.tag in (f"{_NAMESPACE}metadata", f"{_NAMESPACE}style")]:
            parent.remove(child)
    # Matplotlib's own ids hang on the last bits of a layout, which are not the same every time.
    there = dict.fromkeys(element.attrib["id"] for element in root.iter() if "id" in element.attrib)
    ids = {old: f"{name}-{number}" for number, old in enumerate(there)}
    for element in root.iter():
        _settle(element, ids)
    for side in ("width", "height"):
        root.set(side, root.attrib[side].removesuffix("pt"))
    root.attrib |= {"role": "img", "aria-label": description, "class": "plot"}
    ElementTree.register_namespace("", _NAMESPACE[1:-1])
    return ElementTree.tostring(root, encoding="unicode")


def _settle(element: ElementTree.Element, ids: Mapping[str, str]) -> None:
    """Styles as attributes, colours as variables, ids by their new names."""
    attributes = element.attrib
    for part in attributes.pop("style", "").split(";"):
        key, _, value = part.partition(":")
        if key.strip() == "font":
            size = re.search(r"([\d.]+)px", value)
            attributes["font-size"] = size[1] if size else "9"
        elif key.strip():
            attributes[key.strip()] = value.strip()
    for key, value in list(attributes.items()):
        attributes[key] = re.sub(r"url\(#(.+?)\)", lambda of: f"url(#{ids[of[1]]})", _VARIABLES.get(value, value))
    if "id" in attributes:
        attributes["id"] = ids[attributes["id"]]
    if _LINK in attributes:
        attributes["href"] = f"#{ids[attributes.pop(_LINK).removeprefix('#')]}"
