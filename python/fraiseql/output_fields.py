"""The fields of object types and interfaces."""

from __future__ import annotations

import keyword
from typing import Any, Final

from fraiseql.build import Build, OutputField
from fraiseql.declarations import Declaration
from fraiseql.fields import FieldOptions
from fraiseql.given import Given, JsonObject, put
from fraiseql.members import Member, class_members
from fraiseql.names import column_of, is_sql_name
from fraiseql.selections import camel_selection

ON_DENY: Final = ("reject", "mask")


def build_output_fields(build: Build, declaration: Declaration) -> dict[str, OutputField]:
    """The fields by API name, in the order of writing; also kept in `build.fields`."""
    fields: dict[str, OutputField] = {}
    members = class_members(declaration, build.registry)
    for member in members:
        where = declaration.where_field(member.name)
        field = _build_field(build, member, where)
        if field is None:
            continue
        name = field.json["name"]
        if name in fields:
            build.problems.add(where, f"a second field is called `{name}` in the API", "rename one of the two")
        fields[name] = field
    if not members:
        build.problems.add(declaration.where, "it has no fields", "annotate one, for example `id: ID`")
    build.fields[declaration.name] = fields
    return fields


def _build_field(build: Build, member: Member, where: str) -> OutputField | None:
    if isinstance(member.default, FieldOptions):
        hint = f"write `{member.name}: Annotated[T, fraiseql.field(…)]`"
        build.problems.add(where, "field(…) stands behind `=`, where it says nothing", hint)
    reference = build.resolve(member, where, "output")
    name = build.api_name(member.name, where)
    if reference is None:
        return None
    given = Given(where, reference.options.given, build.problems)
    entry: JsonObject = {"name": name, "type": reference.text, "nullable": reference.nullable}
    put(entry, "description", given.text("description"))
    put(entry, "requires_scope", given.text("requires_scope"))
    put(entry, "on_deny", given.choice("on_deny", ON_DENY))
    put(entry, "deprecated", given.deprecation())
    put(entry, "column", given.sql_name("column") or _column(member.name, name))
    put(entry, "join", _join(given))
    put(entry, "function", given.sql_name("function"))
    put(entry, "federation", _federation(given))
    put(entry, "directives", given.directives())
    put(entry, "vector_config", given.mapping("vector_config"))
    put(entry, "vector_distance", given.text("vector_distance"))
    _check(given, entry)
    return OutputField(where, entry, reference, computed=given.has("computed"))


def _column(python_name: str, api_name: str) -> str | None:
    """The column as Python names it, where the name in the API would lead elsewhere (`phone_1` → `phone1`)."""
    column = python_name[:-1] if python_name.endswith("_") and keyword.iskeyword(python_name[:-1]) else python_name
    return None if column_of(api_name) == column else column


def _check(given: Given, entry: JsonObject) -> None:
    if given.has("default"):
        given.problem("an output field has no default", "drop `default`, or set it in SQL")
    if "on_deny" in entry and "requires_scope" not in entry:
        given.problem("`on_deny` without `requires_scope` denies nothing", "add `requires_scope`")
    if entry.get("on_deny") == "mask" and not entry["nullable"]:
        given.problem("a masked field is null for some callers, this one is not nullable", "write `T | None`")
    if given.has("override_label") and not given.has("override_from"):
        given.problem("`override_label` without `override_from`", "name the subgraph to override")


def _join(given: Given) -> dict[str, Any] | None:
    join = given.mapping("join")
    if join is None:
        return None
    columns = [*join, *join.values()]
    if all(isinstance(column, str) and is_sql_name(column) and "." not in column for column in columns):
        return join
    given.problem(
        f"`join` is {join!r}",
        'name columns: join={"column of this relation": "column of the other relation"}',
    )
    return None


def _federation(given: Given) -> JsonObject | None:
    block: JsonObject = {}
    put(block, "external", given.flag("external"))
    put(block, "shareable", given.flag("shareable"))
    put(block, "inaccessible", given.flag("inaccessible"))
    put(block, "requires", _selection(given, "requires"))
    put(block, "provides", _selection(given, "provides"))
    put(block, "override_from", given.text("override_from"))
    put(block, "override_label", given.text("override_label"))
    put(block, "tags", given.texts("tags"))
    return block or None


def _selection(given: Given, name: str) -> str | None:
    """`"price weight"`, or a list of names, in the API's casing."""
    value = given.raw(name)
    text = given.text(name) if value is None or isinstance(value, str) else " ".join(given.texts(name) or [])
    if not text:
        return None
    camel = camel_selection(text)
    if camel is None:
        given.problem(f"`{name}` is {text!r}", 'write a selection, "price weight" or "maker { id }"')
    return camel
