"""Keys, entities, and a subgraph that uses every federation directive."""

from __future__ import annotations

from typing import Annotated, Any

import fraiseql
from fraiseql.scalars import ID
from tests.case import SchemaCase

SERVICE = fraiseql.Federation(service_name="service")


class FederationCase(SchemaCase):
    def entities(self, federation: fraiseql.Federation = SERVICE) -> list[dict[str, Any]]:
        entities: list[dict[str, Any]] = self.export(federation)["federation"]["entities"]
        return entities

    def test_only_types_with_the_key_fields_are_entities(self) -> None:
        @fraiseql.type
        class User:
            id: ID

        @fraiseql.type
        class Total:
            sum: int

        @fraiseql.type(embedded=True)
        class Line:
            id: ID

        @fraiseql.error
        class Refused:
            id: ID

        @fraiseql.type(shareable=True)
        class Money:
            id: ID

        @fraiseql.type(keys=[{"fields": "id", "resolvable": False}])
        class Elsewhere:
            id: ID

        self.assertEqual(self.entities(), [{"name": "User", "key_fields": ["id"]}])
        self.assertEqual(self.export(SERVICE)["federation"]["shareable_types"], ["Money"])
        self.assertNotIn("sql_source", self.one("types", "Elsewhere"))

    def test_default_key_fields(self) -> None:
        @fraiseql.type
        class User:
            tenant_id: ID
            id: ID

        @fraiseql.type
        class Global:
            id: ID

        federation = fraiseql.Federation("service", default_key_fields=["tenant_id", "id"])
        self.assertEqual(self.entities(federation), [{"name": "User", "key_fields": ["tenantId", "id"]}])

    def test_problems(self) -> None:
        @fraiseql.type(keys=["id", "skuu", "maker", "maker { nam }", "a {"])
        class Product:
            id: ID
            sku: str
            maker: Maker
            price: int
            shipping: Annotated[int, fraiseql.field(requires="price wait", function="fn_shipping")]
            provided: Annotated[Maker, fraiseql.field(provides="nam")]
            misplaced: Annotated[int, fraiseql.field(provides="name")]

        @fraiseql.type(key_fields=["id"], keys=["id"])
        class Maker:
            id: ID
            name: str

        self.check_problems(
            ("type Product", "the key 'a {' is not understood", "sku package"),
            ("type Maker", "`key_fields` and `keys`", "keep `keys`"),
            ("type Product", "the key `skuu` names `skuu`", "`sku`"),
            ("type Product", "the key `maker` stops at `maker`", "maker { … }"),
            ("type Product", "the key `maker { nam }` names `nam`", "`name`"),
            ("type Product.shipping", "`requires` names `wait`", "`Product` has"),
            ("type Product.shipping", "`price`, which is not external", "external=True"),
            ("type Product.provided", "`provides` names `nam`", "`name`"),
            ("type Product.misplaced", "stands on a `Int`", "object"),
            ("Federation", "`service_name` is empty", "user-service"),
            ("Federation", "`version` is 'v1'", "v2"),
            ("Federation", "the compose directive", "url"),
            federation=fraiseql.Federation("", version="v1", compose_directives=[{"name": "@x"}]),
        )

    def test_the_products_of_the_compatibility_suite(self) -> None:
        @fraiseql.type(keys=["id", "sku package", "sku variation { id }"], directives=["custom"])
        class Product:
            id: ID
            sku: str | None
            package: str | None
            variation: ProductVariation | None
            dimensions: ProductDimension | None
            created_by: Annotated[User | None, fraiseql.field(provides="total_products_created")]
            notes: Annotated[str | None, fraiseql.field(tags=["internal"])]
            research: list[ProductResearch]

        @fraiseql.type(keys=["sku package"])
        class DeprecatedProduct:
            sku: str
            package: str
            reason: str | None
            created_by: User | None

        @fraiseql.type(embedded=True)
        class ProductVariation:
            id: ID

        @fraiseql.type(keys=["study { case_number }"])
        class ProductResearch:
            study: CaseStudy
            outcome: str | None

        @fraiseql.type(embedded=True)
        class CaseStudy:
            case_number: ID
            description: str | None

        @fraiseql.type(embedded=True, shareable=True)
        class ProductDimension:
            size: str | None
            weight: float | None
            unit: Annotated[str | None, fraiseql.field(inaccessible=True)]

        @fraiseql.type(key_fields=["email"], extends=True)
        class User:
            email: Annotated[ID, fraiseql.field(external=True)]
            name: Annotated[str | None, fraiseql.field(override_from="users")]
            total_products_created: Annotated[int | None, fraiseql.field(external=True)]
            years_of_employment: Annotated[int, fraiseql.field(external=True)]
            average_products_created_per_year: Annotated[
                int | None,
                fraiseql.field(requires="total_products_created years_of_employment", function="fn_average"),
            ]

        @fraiseql.type(interface_object=True, keys=["id"])
        class Inventory:
            id: ID
            deprecated_products: list[DeprecatedProduct]

        @fraiseql.query(sql_source="v_product")
        def product(id: ID) -> Product | None: ...

        @fraiseql.query(sql_source="v_deprecated_product", deprecated="Use product query instead")
        def deprecated_product(sku: str, package: str) -> DeprecatedProduct | None: ...

        self.assertEqual(
            self.entities(),
            [
                {"name": "Product", "key_fields": ["id"]},
                {"name": "DeprecatedProduct", "key_fields": ["sku", "package"]},
                {"name": "ProductResearch", "key_fields": ["study { caseNumber }"]},
                {
                    "name": "User",
                    "key_fields": ["email"],
                    "extends": True,
                    "external_fields": ["email", "totalProductsCreated", "yearsOfEmployment"],
                },
                {"name": "Inventory", "key_fields": ["id"]},
            ],
        )
        self.assertEqual(
            self.field("User", "averageProductsCreatedPerYear")["federation"],
            {"requires": "totalProductsCreated yearsOfEmployment"},
        )
        keys = [key["fields"] for key in self.one("types", "Product")["keys"]]
        self.assertEqual(keys, ["id", "sku package", "sku variation { id }"])
