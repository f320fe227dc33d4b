"""Ids of users and items: texts, from whatever a table holds them as, exact or refused."""

from collections.abc import Sequence
from contextlib import suppress

import polars as pl

from penchant.errors import DataError, QuotingError
from penchant.logs.formats.part import column, uuid_text
from penchant.logs.pseudonyms import Pseudonyms

UUID_BYTES = 16
_NO_LETTER = r"[\x00-\x08\x0e-\x1f]"
EXACT: dict[type[pl.DataType], int] = {pl.Float16: 2**11, pl.Float32: 2**24, pl.Float64: 2**53}
"""Whole numbers from here on are not all exact as floats."""


def as_id(frame: pl.DataFrame, name: str, none: Sequence[str] = ()) -> pl.Expr:
    """The column as text ids, null where it is empty or says one of `none`.

    Whole numbers that are written as floats lose nothing and become whole numbers again. Sixteen bytes that are no text
    become a UUID. Raises DataError for a column that holds no ids: other floats, lists, records, other bytes.
    """
    dtype = frame.schema[name]
    if dtype.is_float() or isinstance(dtype, pl.Decimal):
        return _whole(frame[name].rename(""), name)
    if dtype == pl.Binary:
        return _empty_is_none(pl.lit(text_of_bytes(frame[name], name)), none)
    if dtype.is_nested() or isinstance(dtype, pl.BaseExtension | pl.Object):
        raise wrong_type(name, dtype, "ids are texts or whole numbers")
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return _empty_is_none(column(name).cast(pl.String), none)
    return column(name).cast(pl.String)


def as_user(frame: pl.DataFrame, name: str, none: Sequence[str], pseudonyms: Pseudonyms | None) -> pl.Expr:
    """The same of users, who are known by their pseudonyms where there are some."""
    ids = as_id(frame, name, none)
    return ids if pseudonyms is None else pl.lit(pseudonyms.of_all(frame.select(ids.alias("")).to_series()))


def stands_for_none(texts: pl.Expr, none: Sequence[str]) -> pl.Expr:
    """Whether a text is one of `none`, in any case of letters and with spaces around it or not.

    >>> texts = pl.Series([" NULL ", "<Na>", "nullable", "", None])
    >>> texts.to_frame("t").select(stands_for_none(pl.col("t"), ["null", "<NA>"]))["t"].to_list()
    [True, True, False, False, None]
    """
    # Polars searches three million texts so in 0.05 seconds, and takes 0.2 to strip and lower them.
    words = "|".join(pl.escape_regex(word.strip()) for word in none if word.strip())
    return texts.str.contains(rf"^\s*(?i:{words})\s*$") if words else texts.is_null() & False


def wrong_type(name: str, dtype: pl.DataType, wanted: str) -> DataError:
    """The error of a column whose values are of no use. wanted: a sentence that says which are."""
    return DataError(f"column {name!r} holds {_kind(dtype)}, and {wanted}{_instead(name, dtype)}")


def _empty_is_none(text: pl.Expr, none: Sequence[str]) -> pl.Expr:
    return pl.when((text.str.len_bytes() > 0) & ~stands_for_none(text, none)).then(text)


def _whole(numbers: pl.Series, name: str) -> pl.Expr:
    """Floats or decimals that are whole numbers, as texts without a fraction."""
    values = numbers.fill_nan(None) if numbers.dtype.is_float() else numbers
    broken = values.filter((values != values.floor()).fill_null(False))
    if len(broken):
        raise QuotingError(
            f"column {name!r} holds numbers such as ", broken[0], ", which are no ids; name the column of ids"
        )
    if numbers.dtype.is_float():
        exact = EXACT[type(values.dtype)]
        rounded = values.filter((values.abs() >= exact).fill_null(False))
        if len(rounded):
            raise QuotingError(
                f"column {name!r} holds ids such as ",
                f"{rounded[0]:.0f}",
                f" as floats, which cannot hold every id beyond {exact:,}, so that several became one; write them as "
                f"whole numbers or texts",
            )
        return pl.lit(values.cast(pl.Int64).cast(pl.String))
    return pl.lit(values.cast(pl.String).str.replace(r"\.0*$", ""))


def text_of_bytes(values: pl.Series, name: str) -> pl.Series:
    """Bytes as the text that they are, or as UUIDs."""
    values = values.rename("")
    with suppress(pl.exceptions.ComputeError):  # no UTF-8
        texts = values.cast(pl.String)
        if not texts.str.contains(_NO_LETTER).any():
            return texts
    if (values.bin.size() == UUID_BYTES).fill_null(True).all():
        return uuid_text(values)
    raise DataError(f"column {name!r} holds bytes that are neither UTF-8 nor UUIDs of 16 bytes; write them as texts")


def _kind(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.List | pl.Array):
        inner = dtype.inner
        return "lists of records" if isinstance(inner, pl.Struct) else f"lists of {inner}"
    if isinstance(dtype, pl.BaseExtension):
        return f"values of the extension type {dtype.ext_name()}"
    return "records" if isinstance(dtype, pl.Struct) else f"values of type {dtype}"


def _instead(name: str, dtype: pl.DataType) -> str:
    """Which paths lead into a record."""
    record = dtype.inner if isinstance(dtype, pl.List | pl.Array) else dtype
    if not isinstance(record, pl.Struct):
        return ""
    paths = ", ".join(f"{name}.{one.name}" for one in record.fields[:5])
    return f"; name a value inside, by its path: {paths}"
