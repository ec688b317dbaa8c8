"""A Python default as the JSON that the API publishes."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import math
import uuid
from collections.abc import Callable
from typing import Any, Final

from fraiseql.references import Reference

INT_MIN: Final = -(2**31)
INT_MAX: Final = 2**31 - 1


class Unfit(Exception):
    """A default that is no value of its type."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


def encode_default(value: Any, reference: Reference) -> Any:
    """The JSON of a default, or `Unfit`."""
    if value is None:
        if reference.nullable:
            return None
        raise Unfit("the default is None, the type is not nullable", "write `| None` behind the type")
    if reference.item is not None:
        if not isinstance(value, (list, tuple)):
            raise Unfit(f"the default {value!r} is not a list", "write a list, or None")
        return [encode_default(item, reference.item) for item in value]
    kind = reference.declaration.kind if reference.declaration else None
    if kind == "enum":
        return _encode_enum(value, reference)
    if kind == "input":
        raise Unfit("an input object cannot have a default", f"write `{reference.name} | None = None`")
    encode = _ENCODERS.get(reference.name, _encode_text_or_json)
    encoded = encode(value)
    if encoded is _NO_VALUE:
        raise Unfit(f"the default {value!r} is not a {reference.name}", "change the default or the type")
    return encoded


def _encode_enum(value: Any, reference: Reference) -> str:
    subject = reference.declaration.subject if reference.declaration else None
    if isinstance(subject, type) and isinstance(value, subject) and isinstance(value, enum.Enum):
        return value.name
    members = getattr(subject, "__members__", {})
    example = next(iter(members), "MEMBER")
    raise Unfit(f"the default {value!r} is not a {reference.name}", f"write `{reference.name}.{example}`")


_NO_VALUE: Final = object()


def _encode_boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else _NO_VALUE


def _encode_int(value: Any) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        return _NO_VALUE
    if not INT_MIN <= value <= INT_MAX:
        raise Unfit(f"the default {value} needs more than 32 bits", "use fraiseql.scalars.BigInt")
    return value


def _encode_big_int(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) else _NO_VALUE


def _encode_float(value: Any) -> Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else _NO_VALUE


def _encode_decimal(value: Any) -> Any:
    is_number = isinstance(value, (int, decimal.Decimal, str)) and not isinstance(value, bool)
    return str(value) if is_number else _NO_VALUE


def _encode_string(value: Any) -> Any:
    return value if isinstance(value, str) else _NO_VALUE


def _encode_id(value: Any) -> Any:
    return str(value) if isinstance(value, (str, uuid.UUID)) else _NO_VALUE


def _encode_moment(value: Any) -> Any:
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return _encode_string(value)


def _encode_text_or_json(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        return _NO_VALUE


_ENCODERS: Final[dict[str, Callable[[Any], Any]]] = {
    "BigInt": _encode_big_int,
    "Boolean": _encode_boolean,
    "Date": _encode_moment,
    "DateTime": _encode_moment,
    "Decimal": _encode_decimal,
    "Float": _encode_float,
    "ID": _encode_id,
    "Int": _encode_int,
    "String": _encode_string,
    "Time": _encode_moment,
    "UUID": _encode_id,
}
