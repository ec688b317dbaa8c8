"""Every decorator and option, pinned as a file. To write it anew:

UPDATE_GOLDEN=1 python3 -m unittest discover -s python/tests -t python
"""

from __future__ import annotations

import json
import os
import runpy
import tempfile
from pathlib import Path

import fraiseql
from tests.case import HERE, SchemaCase

GOLDEN = HERE / "golden" / "everything.json"
SOURCE = HERE / "golden" / "everything.py"
TOP_LEVEL = [
    "types", "enums", "input_types", "interfaces", "unions", "queries", "mutations", "subscriptions",
    "naming_convention", "custom_scalars", "federation",
]  # fmt: skip


class GoldenCase(SchemaCase):
    def setUp(self) -> None:
        super().setUp()
        self.federation = runpy.run_path(str(SOURCE))["FEDERATION"]

    def write(self, **options: object) -> str:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "schema.json")
            fraiseql.export_schema(path, federation=self.federation, **options)  # type: ignore[arg-type]
            self.assertEqual(os.listdir(directory), ["schema.json"])
            return path.read_text(encoding="utf-8")

    def test_everything(self) -> None:
        if os.environ.get("UPDATE_GOLDEN"):
            GOLDEN.write_text(self.write(), encoding="utf-8")
        self.assertEqual(self.write(), GOLDEN.read_text(encoding="utf-8"))

    def test_top_level_keys_stand_in_their_order(self) -> None:
        self.assertEqual(list(json.loads(self.write())), TOP_LEVEL)

    def test_the_bytes_are_the_same_each_time(self) -> None:
        first = self.write()
        fraiseql.clear()
        runpy.run_path(str(SOURCE))
        self.assertEqual(first, self.write())

    def test_not_pretty_is_one_line(self) -> None:
        self.assertEqual(self.write(pretty=False).count("\n"), 1)

    def test_custom_scalars_can_stay_out(self) -> None:
        self.assertNotIn("custom_scalars", json.loads(self.write(include_custom_scalars=False)))

    def test_reading_the_same_file_twice_declares_nothing_twice(self) -> None:
        first = self.write()
        runpy.run_path(str(SOURCE))
        self.assertEqual(first, self.write())
