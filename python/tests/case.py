"""What every test starts from: an empty registry, and short ways to ask."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Any

import fraiseql

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


class SchemaCase(unittest.TestCase):
    """`export` gives the schema; `check_problems` compares what is refused."""

    maxDiff = None

    def setUp(self) -> None:
        fraiseql.clear()
        self.addCleanup(fraiseql.clear)

    def export(self, federation: fraiseql.Federation | None = None) -> dict[str, Any]:
        return fraiseql.get_schema_dict(federation=federation)

    def one(self, kind: str, name: str, federation: fraiseql.Federation | None = None) -> dict[str, Any]:
        return next(entry for entry in self.export(federation)[kind] if entry["name"] == name)

    def field(self, type_name: str, name: str) -> dict[str, Any]:
        return next(field for field in self.one("types", type_name)["fields"] if field["name"] == name)

    def check_problems(self, *expected: tuple[str, str, str], federation: fraiseql.Federation | None = None) -> None:
        """Each is what stands in `where`, in `reason` and in `hint`."""
        with self.assertRaises(fraiseql.SchemaError) as raised:
            self.export(federation)
        problems = raised.exception.problems
        self.assertEqual(len(problems), len(expected), str(raised.exception))
        for problem, (where, reason, hint) in zip(problems, expected, strict=True):
            self.assertIn(where, problem.where)
            self.assertIn(reason, problem.reason)
            self.assertIn(hint, problem.hint)
