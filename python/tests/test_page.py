"""The files of examples/federation do what the page says, as printed."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

import fraiseql
from tests.case import ROOT, SchemaCase

PAGE = ROOT / "examples" / "federation"
USER = {
    "name": "User",
    "sql_source": "v_user",
    "fields": [
        {"name": "id", "type": "ID", "nullable": False},
        {"name": "name", "type": "String", "nullable": False},
        {"name": "email", "type": "String", "nullable": False},
        {"name": "createdAt", "type": "DateTime", "nullable": False},
    ],
    "description": "User record owned by the user service.",
}


class PageCase(SchemaCase):
    def run_script(self, path: Path) -> dict[str, object]:
        """As a user does: a process of its own, in a directory of its own."""
        with tempfile.TemporaryDirectory() as directory:
            environment = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
            subprocess.run([sys.executable, str(path)], cwd=directory, env=environment, check=True)
            self.assertEqual(os.listdir(directory), ["schema.json"])
            written: dict[str, object] = json.loads(Path(directory, "schema.json").read_text(encoding="utf-8"))
        return written

    def test_user_service(self) -> None:
        schema = self.run_script(PAGE / "user-service" / "schema.py")
        self.assertEqual(schema["types"], [USER])
        self.assertEqual(
            schema["queries"],
            [
                {
                    "name": "user",
                    "return_type": "User",
                    "returns_list": False,
                    "nullable": True,
                    "arguments": [{"name": "id", "type": "ID", "nullable": False}],
                    "description": "Fetch a user by ID.",
                    "sql_source": "v_user",
                },
                {
                    "name": "users",
                    "return_type": "User",
                    "returns_list": True,
                    "nullable": False,
                    "arguments": [
                        {"name": "limit", "type": "Int", "nullable": False, "default": 20},
                        {"name": "offset", "type": "Int", "nullable": False, "default": 0},
                    ],
                    "description": "List users.",
                    "sql_source": "v_user",
                },
            ],
        )
        self.assertEqual(
            schema["federation"],
            {
                "enabled": True,
                "service_name": "user-service",
                "version": "v2",
                "apollo_version": 2,
                "entities": [{"name": "User", "key_fields": ["id"]}],
            },
        )

    def test_order_service(self) -> None:
        schema = self.run_script(PAGE / "order-service" / "schema.py")
        names = [query["name"] for query in schema["queries"]]  # type: ignore[attr-defined]
        self.assertEqual(names, ["order", "orders"])

    def test_toml_first(self) -> None:
        runpy.run_path(str(PAGE / "user-service" / "schema_toml_first.py"))
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "types.json")
            fraiseql.export_types(path)
            types = json.loads(path.read_text(encoding="utf-8"))
        self.assertEqual(types, {"types": [USER], "enums": [], "input_types": [], "interfaces": []})
        self.assertEqual([query["name"] for query in self.export()["queries"]], ["user", "users"])
        self.assertNotIn("federation", self.export())
