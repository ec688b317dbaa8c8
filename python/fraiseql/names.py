"""The one casing rule, and what counts as a name.

Python and SQL speak snake_case, the API speaks camelCase. Every name in `schema.json` passes
through here once, so that no two places can disagree about it.
"""

from __future__ import annotations

import keyword
import re

_UNDERSCORE_THEN_WORD = re.compile(r"_([A-Za-z0-9])")
_INNER_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CONSONANT_THEN_Y = re.compile(r"[^aeiou]y$")
_GRAPHQL_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")
_SQL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?")


def camel_case(name: str) -> str:
    """`created_at` → `createdAt`, `_x` → `X`, `phone_1` → `phone1`, `from_` → `from`.

    The trailing underscore is dropped only behind a Python keyword, where it is the customary
    way to be allowed the name at all.
    """
    if name.endswith("_") and keyword.iskeyword(name[:-1]):
        name = name[:-1]
    return _UNDERSCORE_THEN_WORD.sub(lambda found: found[1].upper(), name)


def snake_case(class_name: str) -> str:
    """`OrderItem` → `order_item`, `HTTPLog` → `h_t_t_p_log`, as every SDK of this family does."""
    return _INNER_CAPITAL.sub("_", class_name).lower()


def column_of(api_name: str) -> str:
    """`createdAt` → `created_at`, `phone1` → `phone1`: the column that the compiler looks for by itself."""
    return _WORD_START.sub("_", api_name).lower()


def plural(name: str) -> str:
    """`user` → `users`, `box` → `boxes`, `city` → `cities`, `news` → `news`."""
    if name.endswith(("ss", "sh", "ch", "x", "z")):
        return name + "es"
    if name.endswith("s"):
        return name
    if _CONSONANT_THEN_Y.search(name):
        return name[:-1] + "ies"
    return name + "s"


def is_graphql_name(name: str) -> bool:
    """GraphQL October 2021, 2.1.9; two leading underscores belong to introspection."""
    return _GRAPHQL_NAME.fullmatch(name) is not None and not name.startswith("__")


def is_sql_name(name: str) -> bool:
    """`identifier` or `schema.identifier`."""
    return _SQL_NAME.fullmatch(name) is not None
