"""Selections of fields as federation writes them: `sku variation { id }`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fraiseql.build import Build
from fraiseql.names import camel_case
from fraiseql.problems import did_you_mean

_TOKEN = re.compile(r"\s*([_A-Za-z]\w*|[{}]|\S)")


@dataclass(frozen=True)
class Selected:
    """A field, and what is selected below it."""

    name: str
    below: tuple[Selected, ...] = ()

    def __str__(self) -> str:
        if not self.below:
            return self.name
        return f"{self.name} {{ {' '.join(map(str, self.below))} }}"


def parse_selection(text: str) -> tuple[Selected, ...] | None:
    """The selected fields in the API's casing, or None when the text is no selection."""
    tokens = _TOKEN.findall(text)
    selected, rest = _parse(tokens, 0)
    return selected if selected and rest == len(tokens) else None


def camel_selection(text: str) -> str | None:
    selected = parse_selection(text)
    return None if selected is None else " ".join(map(str, selected))


def check_selection(build: Build, selected: tuple[Selected, ...], type_name: str, where: str, what: str) -> None:
    """Every selected field exists, and goes down to a leaf exactly when its type has fields."""
    fields = build.fields.get(type_name, {})
    for item in selected:
        field = fields.get(item.name)
        if field is None:
            hint = did_you_mean(item.name, fields, f"`{type_name}` has " + ", ".join(fields))
            build.problems.add(where, f"{what} names `{item.name}`, `{type_name}` has no such field", hint)
            continue
        below = field.reference.innermost.name
        if below in build.fields and not item.below:
            hint = f"write `{item.name} {{ … }}` with the fields of `{below}`"
            build.problems.add(where, f"{what} stops at `{item.name}`, which is an object", hint)
        elif item.below:
            check_selection(build, item.below, below, where, what)


def _parse(tokens: list[str], start: int) -> tuple[tuple[Selected, ...], int]:
    found: list[Selected] = []
    position = start
    while position < len(tokens) and tokens[position] != "}":
        name = tokens[position]
        if not (name[0].isalpha() or name[0] == "_"):
            return (), -1
        below: tuple[Selected, ...] = ()
        position += 1
        if position < len(tokens) and tokens[position] == "{":
            below, position = _parse(tokens, position + 1)
            if not below or position >= len(tokens):
                return (), -1
            position += 1
        found.append(Selected(camel_case(name), below))
    return tuple(found), position
