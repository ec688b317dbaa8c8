"""Queries, mutations and subscriptions: options, bodies, arguments, and what is refused."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import fraiseql
from fraiseql.scalars import ID
from tests.case import SchemaCase


class User:
    id: ID
    name: str


class OperationCase(SchemaCase):
    def setUp(self) -> None:
        super().setUp()
        fraiseql.type(User)

    def test_body_and_decorator_mean_the_same(self) -> None:
        @fraiseql.query(sql_source="v_user", auto_params=True, requires_role="admin")
        def users(limit: int = 20) -> list[User]:
            """All."""
            ...

        on_the_decorator = self.one("queries", "users")
        fraiseql.clear()
        fraiseql.type(User)

        @fraiseql.query
        def users(limit: int = 20) -> list[User]:  # noqa: F811
            """All."""
            return fraiseql.config(sql_source="v_user", auto_params=True, requires_role="admin")

        self.assertEqual(self.one("queries", "users"), on_the_decorator)

    def test_a_body_sees_arguments_of_every_kind(self) -> None:
        @fraiseql.query
        def user(id: ID, /, name: str, *, active: bool = True) -> User | None:
            return fraiseql.config(sql_source="v_user")

        self.assertEqual([a["name"] for a in self.one("queries", "user")["arguments"]], ["id", "name", "active"])

    def test_bodies_that_are_refused(self) -> None:
        @fraiseql.query(sql_source="v_user")
        def both() -> User | None:
            return fraiseql.config(sql_source="v_user")

        @fraiseql.query
        def failing(name: str) -> User | None:
            return fraiseql.config(sql_source=name.upper())

        @fraiseql.query
        def forgotten() -> User | None:
            fraiseql.config(sql_source="v_user")
            return None

        @fraiseql.query
        def resolver() -> User | None:
            return {"id": 1}  # type: ignore[return-value]

        @fraiseql.query
        async def waiting() -> User | None:
            return fraiseql.config(sql_source="v_user")

        self.check_problems(
            ("query both", "on the decorator and in `fraiseql.config(…)`", "one place"),
            ("query failing", "its body failed: AttributeError", "return fraiseql.config"),
            ("query forgotten", "for nothing", "`return`"),
            ("query resolver", "its body returns {'id': 1}", "leave it empty"),
            ("query waiting", "no plain function", "def"),
        )

    def test_options_that_are_refused(self) -> None:
        @fraiseql.query
        def users(id: ID) -> User | None:
            return fraiseql.config(
                sql_sourc="v_user",  # type: ignore[call-arg]
                relay=True,
                cache_ttl_seconds=-1,
                inject={"tenant_id": "tenant_id"},
                requires_actor=["robot"],
                read_routing="nearest",
                rest_method="FETCH",
                auto_params={"order": True},
            )

        @fraiseql.mutation(operation="UPSERT", rest_path="users", auto_params=True)  # type: ignore[call-overload]
        def save() -> User: ...

        @fraiseql.subscription(topic="")
        def saved() -> list[User]: ...

        self.check_problems(
            ("query users", "`sql_sourc` is no option", "`sql_source`"),
            ("query users", "`auto_params` is", "order_by"),
            ("query users", "`inject` gives tenant_id 'tenant_id'", "jwt:"),
            ("query users", "`cache_ttl_seconds` is -1", "zero or more"),
            ("query users", "`requires_actor` names 'robot'", "human_user"),
            ("query users", "`read_routing` is 'nearest'", "primary"),
            ("query users", "`rest_method` is 'FETCH'", "GET"),
            ("query users", "`relay` is for lists", "list[User]"),
            ("mutation save", "`auto_params` is no option of mutation", "@fraiseql.mutation takes"),
            ("mutation save", "which SQL function", "fn_"),
            ("mutation save", "`operation` is 'UPSERT'", "CREATE"),
            ("mutation save", "`rest_path` is 'users'", '"/users"'),
            ("subscription saved", "it returns a list", "return `User`"),
            ("subscription saved", "`topic` is ''", "a string"),
        )

    def test_results_that_are_refused(self) -> None:
        @fraiseql.query(sql_source="v")
        def silent(): ...  # type: ignore[no-untyped-def]

        @fraiseql.query(sql_source="v")
        def holes() -> list[User | None]: ...

        @fraiseql.query(sql_source="v", returns_list=True)
        def contradicted() -> User | None: ...

        @fraiseql.query
        def homeless() -> int: ...

        self.check_problems(
            ("query silent", "what it returns", "->"),
            ("query holes", "it returns `[User]`", "list[User]"),
            ("query contradicted", "contradicts", "drop"),
            ("query homeless", "where its rows are", "sql_source"),
        )

    def test_arguments(self) -> None:
        @fraiseql.enum
        class Sort(Enum):
            NEW = "new"

        @fraiseql.query(sql_source="v_user")
        def users(
            sort_by: Sort = Sort.NEW,
            ids: list[ID] = [],  # noqa: B006
            score: float = 1,
            id: str | None = None,
            hint: Annotated[str, fraiseql.field(default="x", deprecated="no")] = fraiseql.fields.MISSING,  # type: ignore
        ) -> list[User]: ...

        arguments = self.one("queries", "users")["arguments"]
        self.assertEqual(
            arguments,
            [
                {"name": "sortBy", "type": "Sort", "nullable": False, "default": "NEW"},
                {"name": "ids", "type": "[ID!]", "nullable": False, "default": []},
                {"name": "score", "type": "Float", "nullable": False, "default": 1},
                {"name": "id", "type": "ID", "nullable": True, "default": None},
                {"name": "hint", "type": "String", "nullable": False, "default": "x", "deprecated": {"reason": "no"}},
            ],
        )

    def test_arguments_that_are_refused(self) -> None:
        @fraiseql.enum
        class Sort(Enum):
            NEW = "new"

        @fraiseql.query(sql_source="v_user")
        def users(
            untyped,  # type: ignore[no-untyped-def]
            a: int = "20",  # type: ignore[assignment]
            b: int = None,  # type: ignore[assignment]  # noqa: RUF013
            c: Sort = "NEW",  # type: ignore[assignment]
            d: int = 2**31,
            e: Annotated[str, fraiseql.field(requires_scope="x")] = "",
            f: list[int] = 3,  # type: ignore[assignment]
            *rest: Any,
        ) -> list[User]: ...

        self.check_problems(
            ("query users, argument rest", "variadic", "name every"),
            ("query users, argument untyped", "no type", "untyped: str"),
            ("query users, argument a", "'20' is not a Int", "change"),
            ("query users, argument b", "not nullable", "| None"),
            ("query users, argument c", "is not a Sort", "`Sort.NEW`"),
            ("query users, argument d", "32 bits", "BigInt"),
            ("query users, argument e", "`requires_scope` means nothing", "description"),
            ("query users, argument f", "is not a list", "list"),
        )

    def test_two_of_one_name(self) -> None:
        fraiseql.type(crud=["read"], name="Pet")(type("Pet", (), {"__annotations__": {"id": ID}}))

        @fraiseql.query(sql_source="v")
        def pet() -> User | None: ...

        @fraiseql.query(sql_source="v")
        def all_pets() -> list[User]: ...

        @fraiseql.query(sql_source="v")
        def allPets() -> list[User]: ...

        self.check_problems(
            ("query allPets", "taken by query all_pets", "rename"),
            ("type Pet", "`crud` makes `pet`, as does query pet", "crud="),
        )

    def test_crud_names(self) -> None:
        for name, plural in [("OrderItem", "orderItems"), ("City", "cities"), ("Box", "boxes"), ("News", "news")]:
            with self.subTest(name=name):
                fraiseql.clear()
                fraiseql.type(crud=True)(type(name, (), {"__annotations__": {"id": ID, "title": str}}))
                self.assertEqual(self.export()["queries"][1]["name"], plural)
        self.assertEqual(self.one("mutations", "createNews")["sql_source"], "fn_create_news")
