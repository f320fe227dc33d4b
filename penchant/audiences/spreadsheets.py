"""Texts in a CSV that open in a spreadsheet without doing anything."""

import polars as pl

_FORMULA = r"^[\s\p{Z}\p{C}]*[=+\-@−]"  # the sign for minus counts as one
"""What a spreadsheet may run. It may pass over what cannot be seen, and read letters of full width as plain ones."""

_PASSED_OVER = r"^[\t\r\n]"
_NUMBER = r"^[+-]?[0-9]+(\.[0-9]+)?$"


def harmless(frame: pl.DataFrame) -> pl.DataFrame:
    """Put ' before every text that a spreadsheet would run as a formula; numbers stay as they are.

    >>> texts = ["=1+1", "＝1+1", " \\n@me", "-17", "anna", None]
    >>> harmless(pl.DataFrame({"text": texts}))["text"].to_list()
    ["'=1+1", "'＝1+1", "' \\n@me", '-17', 'anna', None]
    """
    texts = {name: pl.col(name) for name, kind in frame.schema.items() if kind == pl.String}
    return frame.with_columns(
        pl.when(_is_risky(text)).then(pl.lit("'") + text).otherwise(text).alias(name) for name, text in texts.items()
    )


def _is_risky(text: pl.Expr) -> pl.Expr:
    plain = text.str.normalize("NFKC")
    return (plain.str.contains(_FORMULA) | text.str.contains(_PASSED_OVER)) & ~text.str.contains(_NUMBER)
