"""The products subgraph of the public compatibility suite: every directive of federation, no handler code."""

from typing import Annotated

import fraiseql
from fraiseql import field
from fraiseql.scalars import ID


@fraiseql.type(keys=["id", "sku package", "sku variation { id }"], directives=["custom"])
class Product:
    id: ID
    sku: str | None
    package: str | None
    variation: "ProductVariation | None"
    dimensions: "ProductDimension | None"
    created_by: Annotated["User | None", field(provides="total_products_created", join={"created_by": "email"})]
    notes: Annotated[str | None, field(tags=["internal"])]
    research: "list[ProductResearch]"


@fraiseql.type(keys=["sku package"])
class DeprecatedProduct:
    sku: str
    package: str
    reason: str | None
    created_by: "User | None"


@fraiseql.type(embedded=True)
class ProductVariation:
    id: ID


@fraiseql.type(keys=["study { case_number }"])
class ProductResearch:
    study: "CaseStudy"
    outcome: str | None


@fraiseql.type(embedded=True)
class CaseStudy:
    case_number: ID
    description: str | None


@fraiseql.type(embedded=True, shareable=True)
class ProductDimension:
    size: str | None
    weight: float | None
    unit: Annotated[str | None, field(inaccessible=True)]


@fraiseql.type(key_fields=["email"], extends=True)
class User:
    email: Annotated[ID, field(external=True)]
    name: Annotated[str | None, field(override_from="users")]
    total_products_created: Annotated[int | None, field(external=True)]
    years_of_employment: Annotated[int, field(external=True)]
    average_products_created_per_year: Annotated[
        int | None,
        field(requires="total_products_created years_of_employment", function="fn_average_products"),
    ]


@fraiseql.type(interface_object=True, key_fields=["id"])
class Inventory:
    id: ID
    deprecated_products: list[DeprecatedProduct]


@fraiseql.query
def product(id: ID) -> Product | None: ...


@fraiseql.query(deprecated="Use product query instead")
def deprecated_product(sku: str, package: str) -> DeprecatedProduct | None: ...


if __name__ == "__main__":
    fraiseql.export_schema(
        "schema.json",
        federation=fraiseql.Federation(
            service_name="products",
            version="v2.3",
            compose_directives=[{"name": "@custom", "url": "https://myspecs.dev/myCustomDirective/v1.0"}],
        ),
    )
