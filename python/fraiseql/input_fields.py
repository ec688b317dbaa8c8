"""The fields of inputs and the arguments of operations: the two are written alike."""

from __future__ import annotations

from fraiseql.build import Build
from fraiseql.declarations import Declaration
from fraiseql.defaults import Unfit, encode_default
from fraiseql.fields import INPUT_OPTIONS, MISSING, FieldOptions
from fraiseql.given import Given, JsonObject, put
from fraiseql.members import Member, class_members, function_members, parameters
from fraiseql.references import Reference


def build_input_fields(build: Build, declaration: Declaration) -> list[JsonObject]:
    """The fields of an `@fraiseql.input` class."""
    members = class_members(declaration, build.registry)
    if not members:
        build.problems.add(declaration.where, "it has no fields", "annotate one, for example `name: str`")
    return _build_entries(build, [(member, declaration.where_field(member.name)) for member in members])


def build_arguments(build: Build, declaration: Declaration) -> list[JsonObject]:
    """The arguments of a query, mutation or subscription."""
    for parameter in parameters(declaration.subject):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            where = declaration.where_argument(parameter.name)
            build.problems.add(where, "the API has no variadic arguments", "name every argument")
    variadic = {p.name for p in parameters(declaration.subject) if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    members = [m for m in function_members(declaration, build.registry) if m.name not in variadic]
    return _build_entries(build, [(member, declaration.where_argument(member.name)) for member in members])


def _build_entries(build: Build, members: list[tuple[Member, str]]) -> list[JsonObject]:
    entries: dict[str, JsonObject] = {}
    for member, where in members:
        entry = _build_entry(build, member, where)
        if entry is None:
            continue
        name = entry["name"]
        if name in entries:
            build.problems.add(where, f"a second one is called `{name}` in the API", "rename one of the two")
        entries[name] = entry
    return list(entries.values())


def _build_entry(build: Build, member: Member, where: str) -> JsonObject | None:
    name = build.api_name(member.name, where)
    if member.annotation is MISSING:
        build.problems.add(where, "it has no type", f"annotate it, for example `{member.name}: str`")
        return None
    reference = build.resolve(member, where, "input")
    if reference is None:
        return None
    given = Given(where, reference.options.given, build.problems)
    for option in reference.options.given:
        if option not in INPUT_OPTIONS:
            hint = "inputs and arguments take " + ", ".join(INPUT_OPTIONS)
            given.problem(f"`{option}` means nothing on what is sent", hint)
    entry: JsonObject = {"name": name, "type": reference.text, "nullable": reference.nullable}
    _put_default(build, entry, member, reference, where)
    put(entry, "description", given.text("description"))
    put(entry, "deprecated", given.deprecation())
    return entry


def _put_default(build: Build, entry: JsonObject, member: Member, reference: Reference, where: str) -> None:
    default = member.default
    if isinstance(default, FieldOptions):
        hint = f"write `{member.name}: Annotated[T, fraiseql.field(…)]`"
        build.problems.add(where, "field(…) stands behind `=`, where it says nothing", hint)
        return
    in_field = reference.options.given.get("default", MISSING)
    if in_field is not MISSING:
        if default is not MISSING:
            build.problems.add(where, "it has two defaults", "keep the one behind `=`, drop field(default=…)")
        default = in_field
    if default is MISSING:
        return
    try:
        entry["default"] = encode_default(default, reference)
    except Unfit as unfit:
        build.problems.add(where, unfit.reason, unfit.hint)
