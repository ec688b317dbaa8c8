"""What is wrong with a schema, told all at once.

A schema with five mistakes should cost one export, not five. Stages add to one `Problems` and go
on with what they can still judge; the export raises once, at the end.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake: the class and field, why it is one, and a way out."""

    where: str
    reason: str
    hint: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}\n    hint: {self.hint}"


class SchemaError(ValueError):
    """The schema cannot be exported. `problems` holds every reason, in declaration order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        title = "1 problem in the schema" if count == 1 else f"{count} problems in the schema"
        super().__init__("\n\n".join([title, *(f"  {problem}" for problem in self.problems)]))


class Problems:
    """Collects; `raise_if_any` ends an export."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, where: str, reason: str, hint: str) -> None:
        problem = Problem(where, reason, hint)
        if problem not in self._found:
            self._found.append(problem)

    def raise_if_any(self) -> None:
        if self._found:
            raise SchemaError(self._found)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that the author probably meant."""
    candidates = sorted(set(known))
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """A hint with the nearest name, or `otherwise` when nothing is near."""
    candidate = nearest(name, known)
    return f"did you mean `{candidate}`?" if candidate else otherwise
