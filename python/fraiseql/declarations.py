"""What the decorators record: a subject, its options, and where it was written.

Nothing is judged here. A class may name another one that is declared further down, so the only
moment at which a schema can be read is the export.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "type", "error", "input", "enum", "interface", "union", "scalar",
    "query", "mutation", "subscription",
]  # fmt: skip

OPERATION_KINDS = ("query", "mutation", "subscription")


@dataclass(frozen=True)
class Site:
    """Where a decorator stood: for messages, and for the names that its annotations may use."""

    file: str
    line: int
    names: Mapping[str, Any] = field(repr=False)
    local_names: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of_caller(cls, depth: int) -> Site:
        """The site `depth` calls above the function that asks."""
        frame = sys._getframe(depth + 1)
        at_module_level = frame.f_locals is frame.f_globals
        local_names = {} if at_module_level else dict(frame.f_locals)
        return cls(frame.f_code.co_filename, frame.f_lineno, frame.f_globals, local_names)

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


@dataclass(frozen=True)
class Declaration:
    """One decorated class or function."""

    kind: Kind
    name: str
    subject: Any = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    site: Site = field(repr=False)

    @property
    def is_operation(self) -> bool:
        return self.kind in OPERATION_KINDS

    @property
    def where(self) -> str:
        return f"{self.kind} {self.name} ({self.site})"

    def where_field(self, name: str) -> str:
        return f"{self.kind} {self.name}.{name} ({self.site})"

    def where_argument(self, name: str) -> str:
        return f"{self.kind} {self.name}, argument {name} ({self.site})"


class Registry:
    """Every declaration of the process, in the order of writing."""

    def __init__(self) -> None:
        self._declarations: list[Declaration] = []
        self._seen: list[Declaration] = []

    def add(self, declaration: Declaration) -> None:
        """Record one; the same source line read again (a reload, `__main__` imported by name)
        replaces what it said before instead of duplicating it."""
        self._seen.append(declaration)
        for index, known in enumerate(self._declarations):
            same_line = (known.site.file, known.site.line) == (declaration.site.file, declaration.site.line)
            if same_line and (known.kind, known.name) == (declaration.kind, declaration.name):
                self._declarations[index] = declaration
                return
        self._declarations.append(declaration)

    def clear(self) -> None:
        self._declarations.clear()
        self._seen.clear()

    def of_kind(self, *kinds: Kind) -> list[Declaration]:
        return [declaration for declaration in self._declarations if declaration.kind in kinds]

    def shapes(self) -> list[Declaration]:
        """Everything that an annotation can name."""
        return [declaration for declaration in self._declarations if not declaration.is_operation]

    def named(self, name: str) -> Declaration | None:
        """By API name, else by the name of the Python class."""
        for declaration in self.shapes():
            if declaration.name == name:
                return declaration
        for declaration in self.shapes():
            if getattr(declaration.subject, "__name__", None) == name:
                return declaration
        return None

    def of_subject(self, subject: Any) -> Declaration | None:
        """By identity, else by qualified name: `@dataclass(slots=True)` above a decorator makes a
        second class out of the one that was recorded."""
        for declaration in self._shapes_seen():
            if declaration.subject is subject:
                return declaration
        place = _place(subject)
        for declaration in self._shapes_seen():
            if place is not None and _place(declaration.subject) == place:
                return declaration
        return None

    def _shapes_seen(self) -> Iterator[Declaration]:
        return (declaration for declaration in reversed(self._seen) if not declaration.is_operation)


def _place(subject: Any) -> tuple[str, str] | None:
    qualified = getattr(subject, "__qualname__", None)
    return (subject.__module__, qualified) if isinstance(qualified, str) else None


REGISTRY = Registry()


def clear() -> None:
    """Forget every declaration, so that one process can export several schemas."""
    REGISTRY.clear()
