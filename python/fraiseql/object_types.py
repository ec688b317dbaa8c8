"""Object types, error types included, as they stand in schema.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fraiseql.build import Build
from fraiseql.declarations import Declaration
from fraiseql.given import Given, JsonObject, put
from fraiseql.keys import build_key_fields, build_keys, check_keys
from fraiseql.names import camel_case, is_sql_name, snake_case
from fraiseql.output_fields import build_output_fields
from fraiseql.problems import did_you_mean
from fraiseql.selections import check_selection, parse_selection
from fraiseql.shapes import describe, named_shapes

CARDINALITIES: Final = ("OneToMany", "ManyToOne", "OneToOne")
_RELATIONSHIP_KEYS: Final = ("name", "target_type", "cardinality", "foreign_key", "referenced_key")


def build_type(build: Build, declaration: Declaration) -> JsonObject:
    given = build.given(declaration)
    embedded = bool(given.flag("embedded"))
    keys = build_keys(given)
    entry: JsonObject = {"name": declaration.name}
    if embedded:
        entry["embedded"] = True
    else:
        put(entry, "sql_source", _sql_source(declaration, given, keys))
    fields = build_output_fields(build, declaration)
    entry["fields"] = [field.json for field in fields.values()]
    entry["description"] = describe(declaration, given)
    put(entry, "implements", _implements(build, declaration, given))
    put(entry, "relay", given.flag("relay"))
    put(entry, "requires_role", given.text("requires_role"))
    put(entry, "is_error", declaration.kind == "error")
    put(entry, "plural", plural_of(given))
    put(entry, "jsonb_column", given.sql_name("jsonb_column"))
    put(entry, "key_fields", build_key_fields(given))
    put(entry, "keys", keys)
    put(entry, "extends", given.flag("extends"))
    put(entry, "shareable", given.flag("shareable"))
    put(entry, "inaccessible", given.flag("inaccessible"))
    put(entry, "tags", given.texts("tags"))
    put(entry, "interface_object", given.flag("interface_object"))
    put(entry, "directives", given.directives())
    put(entry, "relationships", _relationships(build, given))
    put(entry, "subscribable_tables", given.sql_names("subscribable_tables"))
    put(entry, "subscribable_pre_image", given.flag("subscribable_pre_image"))
    _check_options(given, entry)
    return entry


def plural_of(given: Given) -> str | None:
    """`plural=`, or `plural_name=` as the published SDKs spell it."""
    plural, plural_name = given.text("plural"), given.text("plural_name")
    if plural and plural_name and plural != plural_name:
        given.problem("`plural` and `plural_name` differ", "keep `plural`")
    name = plural or plural_name
    return camel_case(name) if name else None


def check_type(build: Build, declaration: Declaration, entry: JsonObject, interfaces: dict[str, JsonObject]) -> None:
    """What can only be judged when every field of every type is known."""
    check_keys(build, entry, declaration.where)
    for name in entry.get("implements", []):
        _check_implements(build, declaration, interfaces[name])
    fields = build.fields[entry["name"]]
    for field in fields.values():
        federation = field.json.get("federation", {})
        requires = parse_selection(federation.get("requires", "")) or ()
        check_selection(build, requires, entry["name"], field.where, "`requires`")
        for selected in requires:
            required = fields.get(selected.name)
            if required and not selected.below and not required.json.get("federation", {}).get("external"):
                hint = f"write `{selected.name}: Annotated[T, fraiseql.field(external=True)]`"
                build.problems.add(field.where, f"`requires` names `{selected.name}`, which is not external", hint)
        provides = parse_selection(federation.get("provides", "")) or ()
        below = field.reference.innermost.name
        if provides and below not in build.fields:
            build.problems.add(field.where, f"`provides` stands on a `{below}`", "move it to a field that is an object")
        elif provides:
            check_selection(build, provides, below, field.where, "`provides`")


def _sql_source(declaration: Declaration, given: Given, keys: list[JsonObject] | None) -> str | None:
    """Given, else `v_<name>`. A type that only points into another subgraph has no relation here,
    and a default would make the compiler look for one."""
    if given.has("sql_source"):
        return given.sql_name("sql_source")
    is_pointer = bool(keys) and all(key.get("resolvable") is False for key in keys or [])
    if is_pointer or declaration.kind == "error":
        return None
    return f"v_{snake_case(declaration.name)}"


def _implements(build: Build, declaration: Declaration, given: Given) -> list[str]:
    """`implements=`, and every base class that is an interface."""
    names = named_shapes(build, given, "implements", ("interface",))
    for base in declaration.subject.__mro__[1:]:
        found = build.registry.of_subject(base)
        if found is not None and found.kind == "interface":
            names.append(found.name)
    return list(dict.fromkeys(names))


def _check_implements(build: Build, declaration: Declaration, interface: JsonObject) -> None:
    fields = build.fields[declaration.name]
    for wanted in interface["fields"]:
        field = fields.get(wanted["name"])
        name = interface["name"]
        if field is None:
            hint = f"add it, or let the class inherit from `{name}`"
            build.problems.add(declaration.where, f"`{name}` asks for the field `{wanted['name']}`", hint)
            continue
        wanted_reference = build.fields[name][wanted["name"]].reference
        kind = wanted_reference.innermost.declaration.kind if wanted_reference.innermost.declaration else None
        same = field.json["type"] == wanted["type"] or kind in ("interface", "union")
        if not same or (field.json["nullable"] and not wanted["nullable"]):
            suffix = "" if wanted["nullable"] else "!"
            build.problems.add(
                field.where, f"`{name}` declares it as `{wanted['type']}{suffix}`", "give both the same type"
            )


def _relationships(build: Build, given: Given) -> list[JsonObject] | None:
    listed = given.raw("relationships")
    if listed is None:
        return None
    if not isinstance(listed, (list, tuple)) or not all(isinstance(item, Mapping) for item in listed):
        given.problem("`relationships` is no list of them", "write relationships=[fraiseql.Relationship(…)]")
        return None
    return [entry for entry in (_relationship(build, given, item) for item in listed) if entry]


def _relationship(build: Build, given: Given, item: Mapping[str, object]) -> JsonObject | None:
    label = f"the relationship `{item.get('name')}`"
    if set(item) != set(_RELATIONSHIP_KEYS):
        given.problem(f"{label} is incomplete or has extra keys", "give " + ", ".join(_RELATIONSHIP_KEYS))
        return None
    target = item["target_type"]
    found = build.registry.named(target) if isinstance(target, str) else build.registry.of_subject(target)
    if found is None or found.kind != "type":
        spelling = target if isinstance(target, str) else getattr(target, "__name__", repr(target))
        known = [declaration.name for declaration in build.registry.of_kind("type")]
        given.problem(f"{label} points to `{spelling}`, which is no type", did_you_mean(spelling, known, "declare it"))
        return None
    if item["cardinality"] not in CARDINALITIES:
        given.problem(f"{label} has the cardinality {item['cardinality']!r}", "give " + ", ".join(CARDINALITIES))
    for column in (item["foreign_key"], item["referenced_key"]):
        if not isinstance(column, str) or not is_sql_name(column):
            given.problem(f"{label} names the column {column!r}", "give the name of a column")
    return {
        **{key: item[key] for key in _RELATIONSHIP_KEYS},
        "name": camel_case(str(item["name"])),
        "target_type": found.name,
    }


def _check_options(given: Given, entry: JsonObject) -> None:
    if entry.get("embedded") and given.has("sql_source"):
        given.problem("an embedded type lives inside another one and has no `sql_source`", "drop one of the two")
    if "key_fields" in entry and "keys" in entry:
        given.problem("it has `key_fields` and `keys`", 'keep `keys`: keys=["sku package", "id"]')
    names = {field["name"] for field in entry["fields"]}
    for relationship in entry.get("relationships", []):
        if relationship["name"] in names:
            given.problem(f"`{relationship['name']}` is a field and a relationship", "rename one of the two")
