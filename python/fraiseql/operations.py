"""Queries, mutations and subscriptions as they stand in schema.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fraiseql.build import Build
from fraiseql.configuration import operation_options
from fraiseql.declarations import Declaration
from fraiseql.given import Given, JsonObject, put
from fraiseql.input_fields import build_arguments
from fraiseql.members import Member, raw_annotations
from fraiseql.references import Reader
from fraiseql.shapes import describe

AUTO_PARAMS: Final = ("where", "order_by", "limit", "offset")
ACTORS: Final = ("human_user", "service_account", "ai_agent", "system_job")
CURSOR_TYPES: Final = ("int64", "uuid")
INPUT_STYLES: Final = ("flatten", "jsonb")
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
OPERATIONS: Final = ("CREATE", "INSERT", "UPDATE", "DELETE", "CUSTOM")
_EVENTS: Final = {"CREATED": "CREATE", "UPDATED": "UPDATE", "DELETED": "DELETE"}
_ROUTINGS: Final = ("any", "primary", "replica")


@dataclass(frozen=True)
class Returned:
    """The return annotation of an operation: a bare name, and whether it is a list of it."""

    name: str
    is_list: bool
    nullable: bool
    type_name: str | None
    """The object type or interface behind it, if it is one."""


def build_query(build: Build, declaration: Declaration, shapes: Mapping[str, JsonObject]) -> JsonObject | None:
    """A query without `sql_source` reads the relation of what it returns."""
    given = operation_options(build, declaration)
    returned = _returned(build, declaration, given)
    arguments = build_arguments(build, declaration)
    if returned is None:
        return None
    entry = _head(build, declaration, returned, arguments)
    entry["description"] = describe(declaration, given)
    relation = shapes.get(returned.type_name or "", {}).get("sql_source")
    put(entry, "sql_source", given.sql_name("sql_source") if given.has("sql_source") else relation)
    if not given.has("sql_source") and relation is None:
        given.problem("nothing says where its rows are", 'write sql_source="v_…"')
    put(entry, "jsonb_column", given.sql_name("jsonb_column"))
    put(entry, "auto_params", _auto_params(given))
    put(entry, "relay", given.flag("relay"))
    put(entry, "relay_cursor_type", given.choice("relay_cursor_type", CURSOR_TYPES))
    put(entry, "count", given.flag("count"))
    put(entry, "inject_params", _inject(given))
    put(entry, "cache_ttl_seconds", given.count("cache_ttl_seconds"))
    put(entry, "additional_views", given.sql_names("additional_views"))
    put(entry, "requires_role", given.text("requires_role"))
    put(entry, "requires_actor", _actors(given))
    put(entry, "read_routing", _read_routing(given))
    put(entry, "rest", _rest(given, "GET"))
    put(entry, "rest_stream", given.flag("rest_stream"))
    put(entry, "deprecated", given.deprecation())
    for option in ("relay", "count", "rest_stream", "auto_params"):
        if entry.get(option) and not returned.is_list:
            given.problem(f"`{option}` is for lists", f"return `list[{returned.name}]`, or drop it")
    return entry


def build_mutation(build: Build, declaration: Declaration) -> JsonObject | None:
    given = operation_options(build, declaration)
    returned = _returned(build, declaration, given)
    arguments = build_arguments(build, declaration)
    if returned is None:
        return None
    entry = _head(build, declaration, returned, arguments)
    entry["description"] = describe(declaration, given)
    put(entry, "sql_source", given.sql_name("sql_source"))
    if not given.has("sql_source"):
        given.problem("nothing says which SQL function it calls", 'write sql_source="fn_…"')
    put(entry, "operation", _operation(given))
    put(entry, "inject_params", _inject(given))
    put(entry, "requires_role", given.text("requires_role"))
    put(entry, "requires_actor", _actors(given))
    put(entry, "invalidates_views", given.sql_names("invalidates_views"))
    put(entry, "invalidates_fact_tables", given.sql_names("invalidates_fact_tables"))
    if given.flag("changelog") is not None:
        entry["changelog"] = given.flag("changelog")  # on when absent, so False says something
    put(entry, "changelog_pre_image", given.flag("changelog_pre_image"))
    put(entry, "input_style", given.choice("input_style", INPUT_STYLES))
    put(entry, "cascade", given.flag("cascade"))
    put(entry, "rest", _rest(given, "POST"))
    put(entry, "deprecated", given.deprecation())
    return entry


def build_subscription(build: Build, declaration: Declaration) -> JsonObject | None:
    given = operation_options(build, declaration)
    returned = _returned(build, declaration, given)
    arguments = build_arguments(build, declaration)
    if returned is None:
        return None
    if returned.is_list:
        given.problem("it returns a list, events come one by one", f"return `{returned.name}`")
    entry: JsonObject = {
        "name": build.api_name(declaration.name, declaration.where),
        "entity_type": returned.name,
        "nullable": returned.nullable,
        "arguments": arguments,
        "description": describe(declaration, given),
    }
    put(entry, "topic", given.text("topic"))
    put(entry, "operation", _operation(given))
    put(entry, "deprecated", given.deprecation())
    return entry


def _returned(build: Build, declaration: Declaration, given: Given) -> Returned | None:
    where = declaration.where
    annotations = raw_annotations(declaration.subject)
    if "return" not in annotations:
        given.problem("nothing says what it returns", f"write `def {declaration.name}(…) -> User | None`")
        return None
    reader = Reader(build.registry, declaration.site)
    member = Member("the answer", annotations["return"], None, reader)
    reference = build.resolve(member, where, "output")
    if reference is None:
        return None
    is_list = reference.item is not None
    item = reference.item or reference
    if item.item is not None or (is_list and item.nullable):
        given.problem(f"it returns `{reference.text}`", f"return `list[{reference.name}]`: a row is never null")
    if given.has("returns_list") and given.flag("returns_list") != is_list:
        given.problem("`returns_list` contradicts the return annotation", "drop `returns_list`")
    kind = item.declaration.kind if item.declaration else None
    type_name = item.name if kind in ("type", "interface") else None
    return Returned(item.name, is_list, reference.nullable, type_name)


def _head(build: Build, declaration: Declaration, returned: Returned, arguments: list[JsonObject]) -> JsonObject:
    return {
        "name": build.api_name(declaration.name, declaration.where),
        "return_type": returned.name,
        "returns_list": returned.is_list,
        "nullable": returned.nullable,
        "arguments": arguments,
    }


def _auto_params(given: Given) -> JsonObject | None:
    """`True` stands for all four. Relay pages by cursor, so limit and offset go."""
    asked = given.raw("auto_params")
    if asked is None or asked is False:
        return None
    chosen = dict.fromkeys(AUTO_PARAMS, True) if asked is True else asked
    fits = isinstance(chosen, Mapping) and all(
        name in AUTO_PARAMS and isinstance(value, bool) for name, value in chosen.items()
    )
    if not fits:
        given.problem(f"`auto_params` is {asked!r}", "give True, or a dict with " + ", ".join(AUTO_PARAMS))
        return None
    dropped = ("limit", "offset") if given.raw("relay") is True else ()
    return {name: chosen[name] for name in AUTO_PARAMS if name in chosen and name not in dropped} or None


def _inject(given: Given) -> JsonObject | None:
    """`{"tenant_id": "jwt:tenant_id"}`."""
    asked = given.mapping("inject")
    if asked is None:
        return None
    written: JsonObject = {}
    for name, value in asked.items():
        source, _, claim = value.partition(":") if isinstance(value, str) else ("", "", "")
        if source != "jwt" or not claim:
            given.problem(f"`inject` gives {name} {value!r}", 'name a claim of the token, "jwt:tenant_id"')
        written[name] = {"source": source, "claim": claim}
    return written


def _actors(given: Given) -> list[str] | None:
    actors = given.texts("requires_actor")
    for actor in actors or []:
        if actor not in ACTORS:
            given.problem(f"`requires_actor` names {actor!r}", "choose from " + ", ".join(ACTORS))
    return actors


def _read_routing(given: Given) -> Any:
    routing = given.raw("read_routing")
    if routing is None or routing in _ROUTINGS or (isinstance(routing, Mapping) and set(routing) == {"replica"}):
        return routing
    given.problem(
        f"`read_routing` is {routing!r}", 'give "any", "primary", "replica" or {"replica": {"max_lag_ms": 500}}'
    )
    return None


def _rest(given: Given, method: str) -> JsonObject | None:
    path = given.text("rest_path")
    chosen = given.choice("rest_method", METHODS)
    if path is None:
        if chosen:
            given.problem("`rest_method` without `rest_path`", 'write rest_path="/…" too')
        return None
    if not path.startswith("/"):
        given.problem(f"`rest_path` is {path!r}", f'write "/{path}"')
    return {"path": path, "method": chosen or method}


def _operation(given: Given) -> str | None:
    operation = given.text("operation")
    if operation is None:
        return None
    written = _EVENTS.get(operation.upper(), operation.upper())
    if written not in OPERATIONS:
        given.problem(f"`operation` is {operation!r}", "give one of " + ", ".join(OPERATIONS))
    return written
