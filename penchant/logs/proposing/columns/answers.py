"""Yes and no in the words of many languages."""

from collections.abc import Iterable

_YES = [
    "yes",
    "true",
    "ja",
    "oui",
    "si",
    "sí",
    "sì",
    "sim",
    "vrai",
    "sant",
    "wahr",
    "verdadero",
    "verdadeiro",
    "vero",
    "tak",
    "prawda",
    "waar",
    "sand",
    "tosi",
    "kyllä",
    "evet",
    "doğru",
    "igen",
    "igaz",
    "ano",
    "áno",
    "da",
    "ναι",
    "да",
    "так",
    "истина",
    "是",
    "真",
    "对",
    "はい",
    "예",
    "네",
    "نعم",
    "כן",
    "हाँ",
]
_NO = [
    "no",
    "false",
    "nej",
    "nei",
    "nein",
    "non",
    "não",
    "nao",
    "faux",
    "falskt",
    "falsch",
    "falso",  # codespell:ignore falso
    "nie",
    "fałsz",
    "nee",
    "onwaar",
    "falsk",  # codespell:ignore falsk
    "epätosi",
    "ei",
    "hayır",
    "yanlış",
    "nem",
    "hamis",
    "ne",
    "nu",
    "όχι",
    "нет",
    "ні",
    "ложь",
    "否",
    "假",
    "错",
    "不是",
    "いいえ",
    "아니요",
    "아니오",
    "لا",
    "לא",
    "नहीं",
]
_READ = {"yes", "no", "true", "false"}
"""Those that are read as they are."""


def yes_and_no(values: Iterable[str]) -> dict[str, bool] | None:
    """Of two values whether each says yes, where they are a yes and a no in words that are not read as they are; upper
    and lower case are the same. None for all else.

    >>> yes_and_no(["VRAI", "FAUX"]), yes_and_no(["yes", "no"]), yes_and_no(["ja", "oui"])
    ({'VRAI': True, 'FAUX': False}, None, None)
    """
    said = {value: value.strip().lower() for value in values}
    both = set(said.values())
    if len(both) != 2 or both <= _READ:
        return None
    if len(both & set(_YES)) != 1 or len(both & set(_NO)) != 1:
        return None
    return {value: plain in _YES for value, plain in said.items()}
