"""Inputs, enums, interfaces, unions and scalars as they stand in schema.json."""

from __future__ import annotations

import enum
from typing import Any, NewType

from fraiseql.build import Build
from fraiseql.declarations import Declaration
from fraiseql.given import Given, JsonObject, put
from fraiseql.input_fields import build_input_fields
from fraiseql.keys import build_keys
from fraiseql.members import description_of
from fraiseql.names import is_graphql_name
from fraiseql.output_fields import build_output_fields
from fraiseql.problems import did_you_mean
from fraiseql.scalars import BUILT_IN_SCALARS, PYTHON_TYPES, RESERVED_SCALARS

_NO_ENUM_VALUES = ("true", "false", "null")


def describe(declaration: Declaration, given: Given) -> str | None:
    """`description=`, else the docstring."""
    return given.text("description") or description_of(declaration.subject)


def build_input(build: Build, declaration: Declaration) -> JsonObject:
    given = build.given(declaration)
    fields = build_input_fields(build, declaration)
    return {"name": declaration.name, "fields": fields, "description": describe(declaration, given)}


def build_enum(build: Build, declaration: Declaration) -> JsonObject:
    given = build.given(declaration)
    values: list[JsonObject] = []
    subject = declaration.subject
    if isinstance(subject, type) and issubclass(subject, enum.Enum):
        values = _enum_values(build, declaration, given)
    else:
        given.problem("it is no enum", f"write `class {declaration.name}(enum.Enum):`")
    return {"name": declaration.name, "values": values, "description": describe(declaration, given)}


def _enum_values(build: Build, declaration: Declaration, given: Given) -> list[JsonObject]:
    members: dict[str, Any] = dict(declaration.subject.__members__)
    descriptions = given.mapping("descriptions") or {}
    deprecated = given.mapping("deprecated") or {}
    for name in [*descriptions, *deprecated]:
        if name not in members:
            given.problem(f"`{name}` is no value of it", did_you_mean(name, members, "name a value of the enum"))
    if not members:
        given.problem("it has no values", 'write one, for example `PENDING = "pending"`')
    values = []
    for name, member in members.items():
        where = declaration.where_field(name)
        if not is_graphql_name(name) or name in _NO_ENUM_VALUES:
            build.problems.add(where, f"`{name}` is no enum value in GraphQL", "rename it")
        if member.name != name:
            build.problems.add(where, f"it stores the same as `{member.name}`", "keep one of the two")
        if not isinstance(member.value, str):
            hint = f'write `{name} = "{name}"`, or the text that is stored'
            build.problems.add(where, f"it stores {member.value!r}, PostgreSQL stores text", hint)
        entry: JsonObject = {"name": name}
        if member.value != name:
            entry["value"] = str(member.value)
        put(entry, "description", descriptions.get(name))
        put(entry, "deprecated", {"reason": deprecated[name]} if name in deprecated else None)
        values.append(entry)
    return values


def build_interface(build: Build, declaration: Declaration) -> JsonObject:
    given = build.given(declaration)
    fields = [field.json for field in build_output_fields(build, declaration).values()]
    entry: JsonObject = {"name": declaration.name, "fields": fields}
    entry["description"] = describe(declaration, given)
    put(entry, "sql_source", given.sql_name("sql_source"))
    put(entry, "keys", build_keys(given))
    return entry


def build_union(build: Build, declaration: Declaration) -> JsonObject:
    given = build.given(declaration)
    names = named_shapes(build, given, "members", ("type", "error"))
    if not given.has("members"):
        given.problem("it has no members", "write @fraiseql.union(members=[User, Order])")
    for name in sorted({name for name in names if names.count(name) > 1}):
        given.problem(f"`{name}` is a member twice", "name it once")
    return {"name": declaration.name, "member_types": names, "description": describe(declaration, given)}


def build_scalar(build: Build, declaration: Declaration) -> JsonObject:
    given = build.given(declaration)
    if declaration.name in RESERVED_SCALARS:
        given.problem(f"`{declaration.name}` is a scalar of its own already", "choose another name")
    description = given.text("description")
    if description is None and not isinstance(declaration.subject, NewType):
        description = description_of(declaration.subject)
    entry: JsonObject = {"name": declaration.name, "description": description}
    put(entry, "specified_by_url", given.text("specified_by_url"))
    put(entry, "base_type", given.choice("base_type", sorted(BUILT_IN_SCALARS)) or _base_type(declaration.subject))
    return entry


def new_type_scalar(new_type: NewType) -> JsonObject:
    """A custom scalar that nobody decorated."""
    entry: JsonObject = {"name": new_type.__name__, "description": None}
    put(entry, "base_type", _base_type(new_type))
    return entry


def _base_type(subject: Any) -> str | None:
    """The GraphQL scalar behind a `NewType`, or behind a class that extends a Python type."""
    while isinstance(subject, NewType):
        subject = subject.__supertype__
    for owner in getattr(subject, "__mro__", ())[:-1]:
        if PYTHON_TYPES.get(owner) in BUILT_IN_SCALARS:
            return PYTHON_TYPES[owner]
    return None


def named_shapes(build: Build, given: Given, option: str, kinds: tuple[str, ...]) -> list[str]:
    """The names in an option that lists classes or their names, such as `members=[User, "Order"]`."""
    listed = given.raw(option) or []
    if isinstance(listed, (str, type)):
        given.problem(f"`{option}` is no list", f"write {option}=[…]")
        return []
    names = []
    for item in listed:
        by_name = isinstance(item, str)
        found = build.registry.named(item) if by_name else build.registry.of_subject(item)
        spelling = item if by_name else getattr(item, "__name__", repr(item))
        if found is None or found.kind not in kinds:
            known = [shape.name for shape in build.registry.shapes() if shape.kind in kinds]
            hint = did_you_mean(spelling, known, f"declare it with @fraiseql.{kinds[0]}")
            given.problem(f"`{option}` names `{spelling}`, which is no {' or '.join(kinds)}", hint)
            continue
        names.append(found.name)
    return names
