"""Federation keys: `keys=["id", "sku package", {"fields": "id", "resolvable": False}]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fraiseql.build import Build
from fraiseql.given import Given, JsonObject
from fraiseql.names import camel_case
from fraiseql.selections import camel_selection, check_selection, parse_selection


def build_keys(given: Given) -> list[JsonObject] | None:
    """`[{"fields": "sku package"}]`, with `resolvable` only where it is given."""
    listed = given.raw("keys")
    if listed is None:
        return None
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not listed:
        given.problem(f"`keys` is {listed!r}", 'give a list, keys=["id", "sku package"]')
        return None
    return [key for key in (_build_key(given, item) for item in listed) if key]


def build_key_fields(given: Given) -> list[str] | None:
    """`key_fields=["tenant_id", "id"]`: one compound key, in the API's casing."""
    names = given.texts("key_fields")
    return None if names is None else [camel_case(name) for name in names]


def check_keys(build: Build, entry: JsonObject, where: str) -> None:
    """Every key names fields that exist."""
    texts = [key["fields"] for key in entry.get("keys", [])]
    if "key_fields" in entry:
        texts.append(" ".join(entry["key_fields"]))
    for text in texts:
        check_selection(build, parse_selection(text) or (), entry["name"], where, f"the key `{text}`")


def _build_key(given: Given, item: object) -> JsonObject | None:
    key = {"fields": item} if isinstance(item, str) else item
    fields = key.get("fields") if isinstance(key, Mapping) else None
    camel = camel_selection(fields) if isinstance(fields, str) else None
    if not isinstance(key, Mapping) or camel is None or set(key) - {"fields", "resolvable"}:
        given.problem(
            f"the key {item!r} is not understood",
            'write "sku package", or {"fields": "sku package", "resolvable": False}',
        )
        return None
    entry: JsonObject = {"fields": camel}
    if "resolvable" in key:
        entry["resolvable"] = bool(key["resolvable"])
    return entry
