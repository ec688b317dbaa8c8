"""What the stages of one export share: the registry, the problems, and how to read an annotation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NewType

from fraiseql.declarations import Declaration, Registry
from fraiseql.given import Given, JsonObject
from fraiseql.members import Member
from fraiseql.names import camel_case, is_graphql_name
from fraiseql.problems import Problems
from fraiseql.references import Reference, Unreadable

Position = Literal["output", "input"]

_IDENTIFIERS = ("String", "UUID")


@dataclass
class OutputField:
    """An exported field, and what later checks need to know about it."""

    where: str
    json: JsonObject
    reference: Reference
    computed: bool = False


@dataclass
class Build:
    """One export under way."""

    registry: Registry
    problems: Problems = field(default_factory=Problems)
    fields: dict[str, dict[str, OutputField]] = field(default_factory=dict)
    """The fields of every object type and interface, by type name and API name."""
    new_types: dict[str, NewType] = field(default_factory=dict)
    """The author's own `NewType`s met so far; each becomes a custom scalar."""

    def given(self, declaration: Declaration) -> Given:
        return Given(declaration.where, declaration.options, self.problems)

    def api_name(self, name: str, where: str) -> str:
        """The camelCase of a Python name, refused when the API cannot carry it."""
        written = camel_case(name)
        if not is_graphql_name(written):
            hint = "use ASCII letters, digits and underscores, not starting with a digit or `__`"
            self.problems.add(where, f"`{written}` is no name in GraphQL", hint)
        return written

    def resolve(self, member: Member, where: str, position: Position) -> Reference | None:
        """The type of a field or argument; a problem when there is none, or none for the position."""
        reference = self.read(member.annotation, member, where)
        if reference is None:
            return None
        if member.name == "id" and reference.item is None and reference.name in _IDENTIFIERS:
            reference = Reference("ID", "ID", reference.nullable, options=reference.options)
        return reference if self._fits(reference, where, position) else None

    def read(self, annotation: Any, member: Member, where: str) -> Reference | None:
        try:
            reference = member.reader.read(annotation)
        except Unreadable as unreadable:
            self.problems.add(where, unreadable.reason, unreadable.hint)
            return None
        new_type = reference.innermost.new_type
        if new_type is not None:
            self.new_types.setdefault(new_type.__name__, new_type)
        return reference

    def _fits(self, reference: Reference, where: str, position: Position) -> bool:
        declaration = reference.innermost.declaration
        kind = declaration.kind if declaration else "scalar"
        if position == "output" and kind == "input":
            self.problems.add(
                where,
                f"`{reference.name}` is an input, it cannot be read",
                "declare what is read with @fraiseql.type",
            )
            return False
        if position == "input" and kind in ("type", "error", "interface", "union"):
            self.problems.add(
                where,
                f"`{reference.name}` is an output, it cannot be sent",
                "declare what is sent with @fraiseql.input",
            )
            return False
        return True
