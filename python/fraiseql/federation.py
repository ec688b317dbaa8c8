"""The `federation` block: which types other subgraphs may point to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fraiseql.build import Build
from fraiseql.given import JsonObject, put
from fraiseql.names import camel_case
from fraiseql.selections import parse_selection

_VERSION = re.compile(r"v2(\.\d+)?")
_COMPOSE_KEYS = frozenset({"name", "url", "import"})


@dataclass(frozen=True)
class Federation:
    """Makes a schema a subgraph: `export_schema(path, federation=Federation("user-service"))`.

    `version` is `"v2"` or a minor one such as `"v2.3"`. Types without keys of their own are
    entities by `default_key_fields`, `["id"]` unless given, when they have these fields.
    `compose_directives` hands custom directives to the supergraph:
    `[{"name": "@custom", "url": "https://myspecs.dev/custom/v1.0"}]`.
    """

    service_name: str
    version: str = "v2"
    default_key_fields: Sequence[str] | None = None
    compose_directives: Sequence[Mapping[str, Any]] | None = None


def build_federation(build: Build, federation: Federation, types: list[JsonObject]) -> JsonObject:
    where = "Federation"
    if not isinstance(federation.service_name, str) or not federation.service_name.strip():
        build.problems.add(where, "`service_name` is empty", 'write Federation(service_name="user-service")')
    if not _VERSION.fullmatch(federation.version):
        build.problems.add(where, f"`version` is {federation.version!r}", 'write "v2", or a minor one, "v2.3"')
    default_key = [camel_case(name) for name in federation.default_key_fields or ["id"]]
    block: JsonObject = {
        "enabled": True,
        "service_name": federation.service_name,
        "version": federation.version,
        "apollo_version": 2,
        "entities": [entity for entity in (_entity(build, entry, default_key) for entry in types) if entity],
    }
    put(block, "shareable_types", [entry["name"] for entry in types if entry.get("shareable")])
    put(block, "compose_directives", _compose_directives(build, federation, where))
    return block


def _entity(build: Build, entry: JsonObject, default_key: list[str]) -> JsonObject | None:
    key_fields = _key_fields(build, entry, default_key)
    if key_fields is None:
        return None
    entity: JsonObject = {"name": entry["name"], "key_fields": key_fields}
    put(entity, "extends", entry.get("extends"))
    for flag in ("external", "shareable"):
        marked = [field["name"] for field in entry["fields"] if field.get("federation", {}).get(flag)]
        put(entity, f"{flag}_fields", marked)
    return entity


def _key_fields(build: Build, entry: JsonObject, default_key: list[str]) -> list[str] | None:
    """The type's own key, else the default one if the type has its fields. Embedded and error types
    are never entities, shareable ones only by a key of their own."""
    if "key_fields" in entry:
        return list(entry["key_fields"])
    if "keys" in entry:
        resolvable = [key["fields"] for key in entry["keys"] if key.get("resolvable") is not False]
        return [str(item) for item in parse_selection(resolvable[0]) or ()] if resolvable else None
    if entry.get("embedded") or entry.get("is_error") or entry.get("shareable"):
        return None
    fields = build.fields[entry["name"]]
    return list(default_key) if all(name in fields for name in default_key) else None


def _compose_directives(build: Build, federation: Federation, where: str) -> list[JsonObject]:
    written = []
    for directive in federation.compose_directives or []:
        name = str(directive.get("name", "")).lstrip("@")
        if not name or "url" not in directive or set(directive) - _COMPOSE_KEYS:
            build.problems.add(
                where,
                f"the compose directive {dict(directive)!r} is not understood",
                'write {"name": "@custom", "url": "https://…/v1.0"}, and "import" if it differs',
            )
            continue
        entry: JsonObject = {"name": f"@{name}", "url": directive["url"]}
        put(entry, "import", list(directive.get("import") or []))
        written.append(entry)
    return written
