"""From declarations to schema.json: the stages of an export, in order."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fraiseql.build import Build
from fraiseql.crud import CrudOperations, build_crud
from fraiseql.declarations import REGISTRY, Declaration
from fraiseql.federation import Federation, build_federation
from fraiseql.given import JsonObject
from fraiseql.keys import check_keys
from fraiseql.names import camel_case, is_graphql_name
from fraiseql.object_types import build_type, check_type
from fraiseql.operations import build_mutation, build_query, build_subscription
from fraiseql.options import OPTION_NAMES
from fraiseql.scalars import RESERVED_SCALARS
from fraiseql.shapes import (
    build_enum,
    build_input,
    build_interface,
    build_scalar,
    build_union,
    new_type_scalar,
)


def export_schema(
    path: str | os.PathLike[str],
    pretty: bool = True,
    include_custom_scalars: bool = True,
    federation: Federation | None = None,
) -> None:
    """Write schema.json. Raises `SchemaError` with every problem, and then writes nothing."""
    schema = get_schema_dict(federation=federation)
    if not include_custom_scalars:
        schema.pop("custom_scalars", None)
    _write(path, schema, pretty)


def export_types(path: str | os.PathLike[str], pretty: bool = True) -> None:
    """Write the types only, for a project whose operations stand elsewhere."""
    build = Build(REGISTRY)
    shapes, _ = _build_shapes(build)
    build.problems.raise_if_any()
    _write(path, {key: shapes[key] for key in ("types", "enums", "input_types", "interfaces")}, pretty)


def get_schema_dict(federation: Federation | None = None) -> dict[str, Any]:
    """What `export_schema` writes. Raises `SchemaError` with every problem."""
    build = Build(REGISTRY)
    schema, crud = _build_shapes(build)
    by_name = {entry["name"]: entry for entry in [*schema["types"], *schema["interfaces"]]}
    operations = REGISTRY.of_kind("query", "mutation", "subscription")
    queries = [(d, build_query(build, d, by_name)) for d in operations if d.kind == "query"]
    mutations = [(d, build_mutation(build, d)) for d in operations if d.kind == "mutation"]
    subscriptions = [(d, build_subscription(build, d)) for d in operations if d.kind == "subscription"]
    schema["queries"] = _unique(build, queries, [(d, made) for d, more in crud for made in more.queries])
    schema["mutations"] = _unique(build, mutations, [(d, made) for d, more in crud for made in more.mutations])
    schema["subscriptions"] = _unique(build, subscriptions, [])
    schema["naming_convention"] = "camelCase"
    scalars = _build_scalars(build)
    if scalars:
        schema["custom_scalars"] = scalars
    if federation is not None:
        schema["federation"] = build_federation(build, federation, schema["types"])
    build.problems.raise_if_any()
    return schema


def _build_shapes(build: Build) -> tuple[JsonObject, list[tuple[Declaration, CrudOperations]]]:
    declarations = REGISTRY.shapes()
    _check_names(build, declarations)
    interfaces = [build_interface(build, d) for d in declarations if d.kind == "interface"]
    types = [(d, build_type(build, d)) for d in declarations if d.kind in ("type", "error")]
    interfaces_by_name = {entry["name"]: entry for entry in interfaces}
    for entry in interfaces:
        check_keys(build, entry, f"interface {entry['name']}")
    for declaration, entry in types:
        check_type(build, declaration, entry, interfaces_by_name)
    crud = [(declaration, build_crud(build, declaration, entry)) for declaration, entry in types]
    inputs = [build_input(build, d) for d in declarations if d.kind == "input"]
    taken = {declaration.name for declaration in declarations}
    for _, more in crud:
        for entry in more.input_types:
            if entry["name"] not in taken:
                inputs.append(entry)
    shapes: JsonObject = {
        "types": [entry for _, entry in types],
        "enums": [build_enum(build, d) for d in declarations if d.kind == "enum"],
        "input_types": inputs,
        "interfaces": interfaces,
        "unions": [build_union(build, d) for d in declarations if d.kind == "union"],
    }
    return shapes, crud


def _build_scalars(build: Build) -> list[JsonObject]:
    """The declared ones, then every `NewType` that was met on the way."""
    declared = [build_scalar(build, d) for d in REGISTRY.of_kind("scalar")]
    taken = {declaration.name: declaration for declaration in REGISTRY.shapes()}
    for name, new_type in build.new_types.items():
        if name in taken:
            reason = f"the NewType `{name}` has the same name"
            build.problems.add(taken[name].where, reason, "rename one of the two")
        elif name not in RESERVED_SCALARS:
            declared.append(new_type_scalar(new_type))
    return declared


def _check_names(build: Build, declarations: Iterable[Declaration]) -> None:
    seen: dict[str, Declaration] = {}
    for declaration in declarations:
        given = build.given(declaration)
        given.refuse_unknown(OPTION_NAMES[declaration.kind], declaration.kind)
        if not is_graphql_name(declaration.name):
            given.problem(f"`{declaration.name}` is no name in GraphQL", "use ASCII letters, digits and underscores")
        if declaration.kind != "scalar" and declaration.name in RESERVED_SCALARS:
            given.problem(f"`{declaration.name}` is a scalar already", "choose another name")
        first = seen.setdefault(declaration.name, declaration)
        if first is not declaration:
            hint = "rename one, or call fraiseql.clear() between two schemas"
            given.problem(f"`{declaration.name}` is declared at {first.site} already", hint)


def _unique(
    build: Build,
    written: list[tuple[Declaration, JsonObject | None]],
    generated: list[tuple[Declaration, JsonObject]],
) -> list[JsonObject]:
    """All operations of one kind; two of the same name are a problem, whoever made them."""
    seen: dict[str, Declaration] = {}
    for declaration, _ in written:
        first = seen.setdefault(camel_case(declaration.name), declaration)
        if first is not declaration:
            hint = "rename one, or call fraiseql.clear() between two schemas"
            build.problems.add(declaration.where, f"the name is taken by {first.where}", hint)
    for declaration, entry in generated:
        name = entry["name"]
        first = seen.setdefault(name, declaration)
        if first is not declaration:
            hint = 'list what `crud` shall make, crud=["create"], or rename the other'
            build.problems.add(declaration.where, f"`crud` makes `{name}`, as does {first.where}", hint)
    return [entry for _, entry in written if entry is not None] + [entry for _, entry in generated]


def _write(path: str | os.PathLike[str], content: JsonObject, pretty: bool) -> None:
    """Replace the file in one step: whoever watches it never reads half of it."""
    target = Path(path)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        text = json.dumps(content, indent=2 if pretty else None, ensure_ascii=False)
        unfinished.write_text(text + "\n", encoding="utf-8")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
