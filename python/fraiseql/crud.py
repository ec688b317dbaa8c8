"""The operations that `@fraiseql.type(crud=True)` stands for.

They follow the naming of hand-written ones: reads from the type's relation, writes through
`fn_create_<type>`, `fn_update_<type>` and `fn_delete_<type>` in the same SQL schema.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from fraiseql.build import Build, OutputField
from fraiseql.declarations import Declaration
from fraiseql.given import Given, JsonObject
from fraiseql.names import camel_case, plural, snake_case
from fraiseql.object_types import plural_of
from fraiseql.operations import AUTO_PARAMS

CRUD: Final = ("read", "create", "update", "delete")


@dataclass
class CrudOperations:
    """What one type adds to the schema."""

    input_types: list[JsonObject] = field(default_factory=list)
    queries: list[JsonObject] = field(default_factory=list)
    mutations: list[JsonObject] = field(default_factory=list)


def build_crud(build: Build, declaration: Declaration, entry: JsonObject) -> CrudOperations:
    """Nothing, unless the type asks for it."""
    made = CrudOperations()
    given = build.given(declaration)
    chosen = _chosen(given)
    fields = list(build.fields[declaration.name].values())
    relation = entry.get("sql_source")
    if not chosen or not fields:
        return made
    if relation is None:
        given.problem("`crud` needs a relation", "give `sql_source`, or drop `crud`")
        return made
    crud = _Crud(declaration.name, fields, str(relation), bool(given.flag("cascade")))
    if "read" in chosen:
        made.queries += [crud.read_one(), crud.read_many(plural_of(given))]
    if "create" in chosen:
        made.input_types.append(crud.create_input())
        made.mutations.append(crud.mutation("create", "CREATE", crud.input_argument("Create"), nullable=False))
    if "update" in chosen:
        made.input_types.append(crud.update_input())
        made.mutations.append(crud.mutation("update", "UPDATE", crud.input_argument("Update"), nullable=True))
    if "delete" in chosen:
        made.mutations.append(crud.mutation("delete", "DELETE", crud.key_argument(), nullable=False))
    return made


def _chosen(given: Given) -> tuple[str, ...]:
    asked = given.raw("crud")
    if asked is None or asked is False:
        return ()
    if asked is True:
        return CRUD
    if isinstance(asked, (list, tuple)) and all(name in CRUD for name in asked):
        return tuple(asked)
    given.problem(f"`crud` is {asked!r}", "give True, or a list of " + ", ".join(CRUD))
    return ()


@dataclass(frozen=True)
class _Crud:
    type_name: str
    fields: list[OutputField]
    relation: str
    cascade: bool

    @property
    def key(self) -> JsonObject:
        """The first declared field."""
        return self.fields[0].json

    @property
    def snake(self) -> str:
        return snake_case(self.type_name)

    def read_one(self) -> JsonObject:
        query = self._query(camel_case(self.snake), returns_list=False, arguments=[self.key_argument()])
        return {**query, "description": f"Get {self.type_name} by {self.key['name']}.", "sql_source": self.relation}

    def read_many(self, plural_name: str | None) -> JsonObject:
        query = self._query(plural_name or camel_case(plural(self.snake)), returns_list=True, arguments=[])
        query |= {"description": f"List {self.type_name}.", "sql_source": self.relation}
        return {**query, "auto_params": dict.fromkeys(AUTO_PARAMS, True)}

    def create_input(self) -> JsonObject:
        """A key called `id` may be left to the database."""
        inputs = [self._input(item, nullable=item["nullable"]) for item in self._writable()]
        for item in inputs:
            if item["name"] == self.key["name"] and item["type"] == "ID":
                item["nullable"] = True
        return self._input_type("Create", f"A new {self.type_name}.", inputs)

    def update_input(self) -> JsonObject:
        """Only the key is required; what is left out stays as it is."""
        others = [item for item in self._writable() if item["name"] != self.key["name"]]
        inputs = [self._input(self.key, nullable=False), *(self._input(item, nullable=True) for item in others)]
        return self._input_type("Update", f"Changes to an existing {self.type_name}.", inputs)

    def key_argument(self) -> JsonObject:
        return self._input(self.key, nullable=False)

    def input_argument(self, verb: str) -> JsonObject:
        return {"name": "input", "type": f"{verb}{self.type_name}Input", "nullable": False}

    def mutation(self, verb: str, operation: str, argument: JsonObject, nullable: bool) -> JsonObject:
        schema, dot, _ = self.relation.rpartition(".")
        entry = {
            "name": camel_case(f"{verb}_{self.snake}"),
            "return_type": self.type_name,
            "returns_list": False,
            "nullable": nullable,
            "arguments": [argument],
            "description": f"{verb.capitalize()} {self.type_name}.",
            "sql_source": f"{schema}{dot}fn_{verb}_{self.snake}",
            "operation": operation,
        }
        return {**entry, "cascade": True} if self.cascade else entry

    def _query(self, name: str, returns_list: bool, arguments: list[JsonObject]) -> JsonObject:
        return {
            "name": name,
            "return_type": self.type_name,
            "returns_list": returns_list,
            "nullable": not returns_list,
            "arguments": arguments,
        }

    def _writable(self) -> list[JsonObject]:
        """Fields that a client can send: stored here, and of a type that inputs may have."""
        return [field.json for field in self.fields if not field.computed and not _is_read_only(field)]

    def _input(self, item: JsonObject, nullable: bool) -> JsonObject:
        return {"name": item["name"], "type": item["type"], "nullable": nullable}

    def _input_type(self, verb: str, description: str, fields: list[JsonObject]) -> JsonObject:
        return {"name": f"{verb}{self.type_name}Input", "fields": fields, "description": description}


def _is_read_only(field: OutputField) -> bool:
    declaration = field.reference.innermost.declaration
    is_object = declaration is not None and declaration.kind not in ("enum", "scalar")
    elsewhere = field.json.get("federation", {}).get("external") or "function" in field.json
    return is_object or bool(elsewhere)
