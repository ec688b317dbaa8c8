"""Options as given, read one by one into JSON, each with its check.

A method returns `None` for an option that was not given or does not fit; the latter is a problem.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fraiseql.names import is_graphql_name, is_sql_name
from fraiseql.problems import Problems, did_you_mean

JsonObject = dict[str, Any]


class Given:
    """The options of one decorator, `config(...)` or `field(...)`."""

    def __init__(self, where: str, options: Mapping[str, Any], problems: Problems) -> None:
        self.where = where
        self._options = options
        self._problems = problems

    def refuse_unknown(self, known: Sequence[str], what: str) -> None:
        for name in self._options:
            if name not in known:
                hint = did_you_mean(name, known, f"@fraiseql.{what} takes " + ", ".join(known))
                self.problem(f"`{name}` is no option of {what}", hint)

    def problem(self, reason: str, hint: str) -> None:
        self._problems.add(self.where, reason, hint)

    def has(self, name: str) -> bool:
        return self._options.get(name) is not None

    def raw(self, name: str) -> Any:
        return self._options.get(name)

    def text(self, name: str) -> str | None:
        value = self.raw(name)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        self._misfit(name, "a string with something in it")
        return None

    def flag(self, name: str) -> bool | None:
        value = self.raw(name)
        if value is None or isinstance(value, bool):
            return value
        self._misfit(name, "True or False")
        return None

    def count(self, name: str) -> int | None:
        value = self.raw(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        self._misfit(name, "a whole number, zero or more")
        return None

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        value = self.raw(name)
        if value is None or (isinstance(value, str) and value in choices):
            return value
        self._misfit(name, "one of " + ", ".join(choices))
        return None

    def texts(self, name: str) -> list[str] | None:
        value = self.raw(name)
        if value is None:
            return None
        is_list = isinstance(value, Sequence) and not isinstance(value, str)
        if is_list and all(isinstance(item, str) and item.strip() for item in value):
            return list(value)
        self._misfit(name, f'a list of strings, {name}=["…"]')
        return None

    def sql_name(self, name: str) -> str | None:
        value = self.text(name)
        if value is None or is_sql_name(value):
            return value
        self._misfit(name, "an SQL name, `v_user` or `schema.v_user`")
        return None

    def sql_names(self, name: str) -> list[str] | None:
        value = self.texts(name)
        if value is None or all(is_sql_name(item) for item in value):
            return value
        self._misfit(name, "a list of SQL names, `v_user` or `schema.v_user`")
        return None

    def mapping(self, name: str) -> dict[str, Any] | None:
        value = self.raw(name)
        if value is None:
            return None
        if isinstance(value, Mapping) and value and all(isinstance(key, str) for key in value):
            return dict(value)
        self._misfit(name, "a dict with string keys and something in it")
        return None

    def deprecation(self) -> JsonObject | None:
        reason = self.text("deprecated")
        return None if reason is None else {"reason": reason}

    def directives(self) -> list[JsonObject] | None:
        """`["custom", {"name": "custom", "arguments": {…}}]`, a leading `@` is not part of a name."""
        given = self.raw("directives")
        if given is None:
            return None
        if not isinstance(given, Sequence) or isinstance(given, str):
            self._misfit("directives", 'a list, directives=["custom"]')
            return None
        written = []
        for item in given:
            entry: Any = {"name": item} if isinstance(item, str) else item
            name = str(entry.get("name", "")).lstrip("@") if isinstance(entry, Mapping) else ""
            if not is_graphql_name(name) or set(entry) - {"name", "arguments"}:
                self._misfit("directives", 'a list of "custom" or {"name": "custom", "arguments": {…}}')
                return None
            written.append({"name": name, "arguments": dict(entry.get("arguments") or {})})
        return written

    def _misfit(self, name: str, expected: str) -> None:
        self.problem(f"`{name}` is {self.raw(name)!r}", f"give {expected}")


def put(entry: JsonObject, key: str, value: Any) -> None:
    """Write a key only when it says something: not for None, False, or an empty list."""
    if value is not None and value is not False and value != []:
        entry[key] = value
