"""The papers' own numbers, and which of their rows a configuration is.

Source: Yan et al., "Learning to Build User-tag Profile in Recommendation System", CIKM 2020, Tables 2 to 4 (ML-20M with
1,042 tags, and an industrial log of WeChat Top Stories), and Figure 4. Read in the paper's full text. Liu et al.,
"Real-time Attention Based Look-alike Model for Recommender System", KDD 2019: offline results on a WeChat log of 2018
that is not public; its Figures 5 and 6, read off by eye. All were measured on other data than any run here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SOURCE = "Yan et al., CIKM 2020, Tables 2–4"
ON = {"movielens": "ML-20M", "industrial": "WeChat log"}


@dataclass(frozen=True)
class Published:
    """A row of the paper: Prec@K by K, on ML-20M and on its industrial log."""

    row: str
    movielens: dict[str, float]
    industrial: dict[str, float]


def _row(name: str, *numbers: float) -> Published:
    movielens = dict(zip(("prec@1", "prec@2", "prec@3"), numbers, strict=False))
    industrial = dict(zip(("prec@1", "prec@5", "prec@10", "prec@20", "prec@50"), numbers[3:], strict=True))
    return Published(name, movielens, industrial)


ROWS = {
    row.row: row
    for row in (
        _row("YouTube", 0.7485, 0.7255, 0.7010, 0.4312, 0.3384, 0.2832, 0.2450, 0.2041),
        _row("AF-1head-unshared", 0.7545, 0.7304, 0.7056, 0.4440, 0.3390, 0.2850, 0.2456, 0.2050),
        _row("AF-1head", 0.7554, 0.7307, 0.7070, 0.4651, 0.3412, 0.2882, 0.2456, 0.2058),
        _row("AF-2head", 0.7576, 0.7314, 0.7103, 0.4715, 0.3439, 0.2908, 0.2476, 0.2070),
        _row("AF-2head+CF", 0.7614, 0.7345, 0.7092, 0.4818, 0.3546, 0.2985, 0.2532, 0.2094),
        _row("AF-2head+AFM", 0.7610, 0.7339, 0.7090, 0.4787, 0.3504, 0.2957, 0.2515, 0.2094),
        _row("AF-2head+NFM", 0.7590, 0.7321, 0.7072, 0.4748, 0.3491, 0.2947, 0.2509, 0.2095),
        _row("AF-2head+DCN", 0.7608, 0.7351, 0.7089, 0.4723, 0.3486, 0.2942, 0.2505, 0.2088),
        _row("AF-2head+AutoInt", 0.7596, 0.7323, 0.7073, 0.4739, 0.3487, 0.2945, 0.2505, 0.2090),
        _row("AF-2head+CF, joint", 0.7623, 0.7345, 0.7096, 0.4957, 0.3552, 0.3018, 0.2596, 0.2193),
    )
}

BEST = {"model.embedding": 16, "model.heads": 4, "model.cross_width": 4, "model.activation": "relu"}
"""The best value of each key of the paper's Figure 4, on ML-20M. Its E is the width of the values' embeddings."""

RALM_SOURCE = "Liu et al., KDD 2019, WeChat log of 2018"
RALM_ROWS = {
    scorer: dict(zip(("auc", "prec@10", "prec@50"), numbers, strict=True))
    for scorer, numbers in {
        "ralm": (0.6012, 0.1295, 0.1099),
        "average": (0.5842, 0.1108, 0.0980),
        "youtube": (0.5903, 0.1217, 0.1087),
        "yahoo": (0.5512, 0.1023, 0.0941),
        "lr": (0.5252, 0.0811, 0.0729),
    }.items()
}
RALM_ORDER = sorted(RALM_ROWS, key=lambda scorer: RALM_ROWS[scorer]["auc"])
"""From the lowest AUC to the highest."""
RALM_MERGE = {"merge": 0.73, "youtube": 0.70}
"""AUC of the two ways to merge fields, about: read off Figure 5."""
RALM_BEST = {"model.clusters": 20}
"""Where the curve of Figure 6 bends."""

_LAYERS = {"cf": "CF", "afm": "AFM", "nfm": "NFM", "dcn": "DCN", "autoint": "AutoInt"}


def architecture(model: Mapping[str, Any]) -> str:
    """The paper's word for a model, by its section of the run file: "YouTube", "AF-2head+CF"; of others their name."""
    name = str(model["name"])
    if name != "utpm":
        return "YouTube" if name == "youtube" else name
    unshared = "" if model["shared_query"] else "-unshared"
    cross = str(model["cross"])
    layer = "" if cross == "none" else f"+{_LAYERS.get(cross, cross)}"
    return f"AF-{model['heads']}head{unshared}{layer}"


def published(settings: Mapping[str, Any]) -> Published | None:
    """The row that a configuration is, if it is one: widths and training may differ, additions of ours may not."""
    if settings.get("model.weights") or settings.get("model.activation") not in (None, "relu"):
        return None
    loss = settings.get("training.loss", "separate")
    model = {key.removeprefix("model."): value for key, value in settings.items()}
    return ROWS.get(architecture(model) + ("" if loss == "separate" else f", {loss}"))
