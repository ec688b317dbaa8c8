"""How Python annotations become GraphQL types, and how they are resolved."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import textwrap
import types
import typing
import uuid
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Dict, List, NewType, Optional, Union  # noqa: UP035

import fraiseql
from fraiseql.scalars import ID, SCALARS, BigInt, Email
from tests.case import SchemaCase

if TYPE_CHECKING:
    from tests.elsewhere import Declared  # type: ignore[import-not-found]

Sku = NewType("Sku", str)

CASES: list[tuple[Any, str, bool]] = [
    (int, "Int", False),
    (float, "Float", False),
    (str, "String", False),
    (bool, "Boolean", False),
    (dict, "Json", False),
    (dict[str, Any], "Json", False),
    (Dict[str, int], "Json", False),  # noqa: UP006
    (Any, "Json", False),
    (datetime.datetime, "DateTime", False),
    (datetime.date, "Date", False),
    (datetime.time, "Time", False),
    (uuid.UUID, "UUID", False),
    (decimal.Decimal, "Decimal", False),
    (BigInt, "BigInt", False),
    (Email, "Email", False),
    (Sku, "Sku", False),
    (str | None, "String", True),
    (Optional[str], "String", True),  # noqa: UP045
    (Union[None, str], "String", True),  # noqa: UP007
    (list[str], "[String!]", False),
    (List[str], "[String!]", False),  # noqa: UP006
    (list[str | None], "[String]", False),
    (list[str] | None, "[String!]", True),
    (list[str | None] | None, "[String]", True),
    (list[list[int]], "[[Int!]!]", False),
    (Annotated[str, "said elsewhere"] | None, "String", True),
    (list[Annotated[str, fraiseql.field(description="each")]], "[String!]", False),
    ("str | None", "String", True),
    ("list['str']", "[String!]", False),
    ("typing.Optional[ID]", "ID", True),
]


class AnnotationCase(SchemaCase):
    def test_every_spelling(self) -> None:
        for annotation, text, nullable in CASES:
            with self.subTest(annotation=annotation):
                fraiseql.clear()
                fraiseql.type(types.new_class("Thing", exec_body=lambda body, a=annotation: _annotate(body, a)))
                field = self.field("Thing", "value")
                self.assertEqual((field["type"], field["nullable"]), (text, nullable))

    def test_id_is_an_id(self) -> None:
        for annotation, text in [(str, "ID"), (uuid.UUID, "ID"), (fraiseql.UUID, "ID"), (ID, "ID"), (int, "Int")]:
            with self.subTest(annotation=annotation):
                fraiseql.clear()
                fraiseql.type(type("Thing", (), {"__annotations__": {"id": annotation}}))
                self.assertEqual(self.field("Thing", "id")["type"], text)

    def test_every_scalar_is_known_and_needs_no_declaration(self) -> None:
        annotations = {f"f{index}": getattr(fraiseql.scalars, name) for index, name in enumerate(SCALARS)}
        fraiseql.type(type("Thing", (), {"__annotations__": annotations}))
        schema = self.export()
        self.assertEqual([field["type"] for field in schema["types"][0]["fields"]], list(SCALARS))
        self.assertNotIn("custom_scalars", schema)

    def test_classes_may_stand_in_any_order(self) -> None:
        @fraiseql.type
        class Author:
            books: list[Book]
            best: Book | None

        @fraiseql.type
        class Book:
            author: Author

        self.assertEqual(self.field("Author", "books")["type"], "[Book!]")
        self.assertEqual(self.field("Book", "author")["type"], "Author")

    def test_a_name_imported_for_the_type_checker_only(self) -> None:
        fraiseql.type(type("Declared", (), {"__annotations__": {"id": ID}}))

        @fraiseql.type
        class Holder:
            held: Declared

        self.assertEqual(self.field("Holder", "held")["type"], "Declared")

    def test_one_unresolved_name_costs_one_field(self) -> None:
        @fraiseql.type
        class Holder:
            first: Emial  # type: ignore[name-defined]  # noqa: F821
            second: list[Nowhere]  # type: ignore[name-defined]  # noqa: F821
            third: str

        self.check_problems(
            ("type Holder.first", "`Emial` is not defined", "did you mean `Email`?"),
            ("type Holder.second", "`Nowhere` is not defined", "import `Nowhere`"),
        )

    def test_members(self) -> None:
        class Stamped:
            created_at: datetime.datetime

        @fraiseql.type
        @dataclasses.dataclass
        class Post(Stamped):
            limit: ClassVar[int] = 3
            from_: str
            _x: str
            phone_1: str
            alreadyCamel: str

        entry = self.one("types", "Post")
        names = [field["name"] for field in entry["fields"]]
        self.assertEqual(names, ["createdAt", "from", "X", "phone1", "alreadyCamel"])
        self.assertIsNone(entry["description"])

    def test_a_dataclass_with_slots_is_still_the_same_type(self) -> None:
        @dataclasses.dataclass(slots=True)
        @fraiseql.type
        class Point:
            x: int

        @fraiseql.type
        class Line:
            start: Point

        self.assertEqual(self.field("Line", "start")["type"], "Point")

    def test_what_has_no_graphql_type(self) -> None:
        class Plain:
            pass

        bad: list[tuple[Any, str, str]] = [
            (Plain, "the class `Plain` is not part", "@fraiseql.type"),
            (tuple[int, str], "has no GraphQL type", "list[T]"),
            (set[int], "has no GraphQL type", "list[T]"),
            (list, "does not say what it holds", "list[str]"),
            (typing.Literal["a"], "has no GraphQL type", "@fraiseql.enum"),
            (int | str, "a union without a name", "@fraiseql.union(members=[int, str])"),
            (bytes, "the class `bytes` is not part", "fraiseql.scalars"),
            (None, "`None` is no type", "bool"),
            (5, "`5` is not a type", "str | None"),
            ("1 +", "cannot be evaluated", "write a type"),
        ]
        for annotation, reason, hint in bad:
            with self.subTest(annotation=annotation):
                fraiseql.clear()
                fraiseql.type(type("Thing", (), {"__annotations__": {"value": annotation}}))
                self.check_problems(("type Thing.value", reason, hint))

    def test_without_the_future_import(self) -> None:
        source = """
            import fraiseql

            @fraiseql.type
            class Order:
                lines: list["Line"]
                first: "Line | None"

            @fraiseql.type
            class Line:
                order: Order
        """
        exec(compile(textwrap.dedent(source), "written.py", "exec", dont_inherit=True), {"__name__": "written"})
        self.assertEqual(self.field("Order", "lines")["type"], "[Line!]")
        self.assertTrue(self.field("Order", "first")["nullable"])


def _annotate(body: dict[str, Any], annotation: Any) -> None:
    body["__annotations__"] = {"value": annotation}
    body["__module__"] = __name__
