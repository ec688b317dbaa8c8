"""A bad schema: what is refused, where it says so, and which way out it shows."""

from __future__ import annotations

import os
import tempfile
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import fraiseql
from fraiseql.scalars import ID
from tests.case import SchemaCase


class ShapeProblems(SchemaCase):
    def test_a_misspelt_option(self) -> None:
        @fraiseql.type(sql_sorce="v_user")  # type: ignore[call-overload]
        class User:
            id: ID

        self.check_problems(("type User (test_problems.py:", "`sql_sorce` is no option of type", "`sql_source`"))

    def test_options_of_the_wrong_kind(self) -> None:
        @fraiseql.type(sql_source="v user", relay="yes", tags="internal", implements=["Nod"], crud=["reed"])  # type: ignore
        class User:
            id: ID

        self.check_problems(
            ("type User", "`sql_source` is 'v user'", "an SQL name"),
            ("type User", "`implements` names `Nod`", "declare it with @fraiseql.interface"),
            ("type User", "`relay` is 'yes'", "True or False"),
            ("type User", "`tags` is 'internal'", 'tags=["…"]'),
            ("type User", "`crud` is ['reed']", "read, create, update, delete"),
        )

    def test_names(self) -> None:
        @fraiseql.type
        class Café:
            phone_1: str
            phone1: str

        @fraiseql.type
        class Empty:
            pass

        @fraiseql.type(name="DateTime")
        class Moment:
            id: ID

        @fraiseql.input(name="Empty")
        class AlsoEmpty:
            id: ID

        self.check_problems(
            ("type Café", "no name in GraphQL", "ASCII"),
            ("type DateTime", "is a scalar already", "another name"),
            ("input Empty", "`Empty` is declared at test_problems.py:", "rename one"),
            ("type Café.phone1", "a second field is called `phone1`", "rename"),
            ("type Empty", "it has no fields", "id: ID"),
        )

    def test_fields(self) -> None:
        @fraiseql.type
        class User:
            masked: Annotated[str, fraiseql.field(requires_scope="read:x", on_deny="mask")]
            unscoped: Annotated[str | None, fraiseql.field(on_deny="mask")]
            defaulted: Annotated[str, fraiseql.field(default="x")]
            behind: str = fraiseql.field(description="lost")  # type: ignore[assignment]
            joined: Annotated[str, fraiseql.field(join={"pk user": "fk"})]
            labelled: Annotated[str, fraiseql.field(override_label="x")]

        self.check_problems(
            ("User.masked", "this one is not nullable", "T | None"),
            ("User.unscoped", "denies nothing", "requires_scope"),
            ("User.defaulted", "no default", "drop"),
            ("User.behind", "behind `=`", "Annotated[T, fraiseql.field(…)]"),
            ("User.joined", "`join` is", "name columns"),
            ("User.labelled", "without `override_from`", "subgraph"),
        )

    def test_sides(self) -> None:
        @fraiseql.input
        class Filter:
            by: User

        @fraiseql.type
        class User:
            filter: Filter

        self.check_problems(
            ("type User.filter", "`Filter` is an input", "@fraiseql.type"),
            ("input Filter.by", "`User` is an output", "@fraiseql.input"),
        )

    def test_enums(self) -> None:
        @fraiseql.enum(deprecated={"SHIPED": "x"})
        class Status(Enum):
            SHIPPED = "shipped"
            SENT = "shipped"
            LOW = 1

        @fraiseql.enum
        class NoEnum:
            A = "a"

        class Unregistered(Enum):
            A = "a"

        @fraiseql.type
        class Order:
            status: Unregistered

        self.check_problems(
            ("type Order.status", "the enum `Unregistered`", "@fraiseql.enum"),
            ("enum Status", "`SHIPED` is no value", "`SHIPPED`"),
            ("enum Status.SENT", "the same as `SHIPPED`", "keep one"),
            ("enum Status.LOW", "it stores 1", 'LOW = "LOW"'),
            ("enum NoEnum", "it is no enum", "enum.Enum"),
        )

    def test_unions_and_interfaces(self) -> None:
        @fraiseql.interface
        class Node:
            id: ID
            name: str

        @fraiseql.type(implements=[Node])
        class User:
            name: str | None

        @fraiseql.union
        class Nothing: ...

        @fraiseql.union(members=[User, "Usr", User])
        class Twice: ...

        self.check_problems(
            ("type User", "`Node` asks for the field `id`", "inherit from `Node`"),
            ("type User.name", "`Node` declares it as `String!`", "same type"),
            ("union Nothing", "no members", "members=["),
            ("union Twice", "`members` names `Usr`", "`User`"),
            ("union Twice", "`User` is a member twice", "once"),
        )

    def test_relationships(self) -> None:
        def towards(target: Any, **more: Any) -> Any:
            link = {"name": "orders", "target_type": target, "cardinality": "OneToMany"}
            return {**link, "foreign_key": "user_id", "referenced_key": "id", **more}

        @fraiseql.type(relationships=[towards("Ordr"), towards("Order", cardinality="Many"), {"name": "half"}])  # type: ignore
        class User:
            orders: int

        @fraiseql.type
        class Order:
            id: ID

        self.check_problems(
            ("type User", "points to `Ordr`", "`Order`"),
            ("type User", "has the cardinality 'Many'", "OneToMany"),
            ("type User", "`half` is incomplete", "foreign_key"),
            ("type User", "`orders` is a field and a relationship", "rename"),
        )

    def test_decorators_on_the_wrong_thing(self) -> None:
        with self.assertRaisesRegex(TypeError, "stands above a class"):
            fraiseql.type(len)  # type: ignore
        with self.assertRaisesRegex(TypeError, "stands above a function"):
            fraiseql.query(int)


class ExportProblems(SchemaCase):
    def test_all_problems_at_once_and_no_file(self) -> None:
        @fraiseql.type
        class User:
            first: Nowhere  # type: ignore[name-defined]  # noqa: F821
            second: tuple[int]

        with tempfile.TemporaryDirectory() as directory:
            for export in (fraiseql.export_schema, fraiseql.export_types):
                with self.assertRaises(fraiseql.SchemaError) as raised:
                    export(Path(directory, "schema.json"))
            self.assertEqual(os.listdir(directory), [])
        message = str(raised.exception)
        self.assertTrue(message.startswith("2 problems in the schema\n\n  type User.first (test_problems.py:"))
        self.assertEqual(message.count("hint: "), 2)
        self.assertIsInstance(raised.exception, ValueError)
