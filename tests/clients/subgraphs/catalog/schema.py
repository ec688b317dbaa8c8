"""One half of a graph: every directive of federation, on everything that it may stand on."""

import enum
from typing import Annotated

import fraiseql
from fraiseql import field
from fraiseql.scalars import ID, DateTime, Decimal


@fraiseql.enum(descriptions={"SMALL": 'fits a "pocket"'}, deprecated={"HUGE": "nobody\nneeds it"})
class Size(enum.Enum):
    """How large."""

    SMALL = "small"
    HUGE = "huge"


@fraiseql.interface
class Named:
    """Has a name."""

    name: str


@fraiseql.type(
    keys=["id", "sku package", "sku variation { id }"],
    tags=["public", "catalog"],
    directives=["audited", {"name": "owner", "arguments": {"team": 'the "core" team', "level": 2, "also": ["a", "b"]}}],
)
class Product(Named):
    """A "product": quotes, a backslash \\, and

    a paragraph."""

    id: ID
    name: str
    sku: str | None
    package: str | None
    variation: "Variation | None"
    size: Size
    listed_at: DateTime
    price: Annotated[Decimal | None, field(shareable=True)]
    weight: Annotated[float | None, field(override_from="accounts", override_label="percent(5)")]
    rank: Annotated[int | None, field(override_from="accounts")]
    code: Annotated[str | None, field(inaccessible=True, tags=["internal"], directives=["audited"])]
    maker: Annotated["User | None", field(provides="sold", join={"fk_user": "pk_user"})]
    seller: "Seller | None"
    title: Annotated[str | None, field(deprecated='write "name" \\ instead')]
    parts: Annotated["list[Part]", field(inaccessible=True)]


@fraiseql.type(embedded=True, shareable=True)
class Variation:
    id: ID


@fraiseql.type(embedded=True, inaccessible=True)
class Part(Named):
    name: str


@fraiseql.type(keys=["study { case_number }"])
class Research:
    study: "Study"
    outcome: str | None


@fraiseql.type(embedded=True)
class Study:
    case_number: ID


@fraiseql.type(key_fields=["email"], extends=True)
class User:
    """Another service's; the description of an extension has no place in the SDL."""

    email: Annotated[ID, field(external=True)]
    sold: Annotated[int | None, field(external=True)]
    years: Annotated[int | None, field(external=True)]
    address: Annotated["Address | None", field(external=True)]
    sold_per_year: Annotated[float | None, field(requires="sold years", function="fn_sold_per_year")]
    postage: Annotated[Decimal | None, field(requires="address { city zip }", function="fn_postage")]


@fraiseql.type(embedded=True, shareable=True)
class Address:
    city: str | None
    zip: str | None


@fraiseql.type(keys=[{"fields": "id", "resolvable": False}], embedded=True)
class Seller:
    id: ID


@fraiseql.type(interface_object=True, key_fields=["id"])
class Account:
    """Every account has orders, whatever it is."""

    id: ID
    order_count: int


@fraiseql.union(members=[Product, Research])
class Hit:
    """What a search finds."""


@fraiseql.input
class ProductInput:
    """A new product."""

    name: str
    size: Size = Size.SMALL
    note: Annotated[str | None, field(description='with "quotes"', default="a \"b\" \\")]


@fraiseql.query(sql_source="v_product")
def product(id: ID) -> Product | None:
    """One product."""


@fraiseql.query(sql_source="v_product", auto_params=True)
def products() -> list[Product]:
    """Products, filtered and ordered."""


@fraiseql.query(sql_source="v_product", relay=True)
def product_pages() -> list[Product]:
    """Products, page by page: the other service pages too."""


@fraiseql.query(sql_source="v_hit", deprecated="search less")
def search(kind: str, text: Annotated[str | None, field(deprecated="unused")] = None) -> list[Hit]: ...


@fraiseql.mutation(sql_source="fn_create_product", operation="CREATE")
def create_product(input: ProductInput) -> Product: ...


@fraiseql.subscription(topic="product_created", operation="CREATE")
def product_created() -> Product: ...


if __name__ == "__main__":
    fraiseql.export_schema(
        "schema.json",
        federation=fraiseql.Federation(
            "catalog",
            compose_directives=[
                {"name": "@audited", "url": "https://specs.example.com/audit/v1.0"},
                {"name": "@owner", "url": "https://specs.example.com/ownership/v1.2"},
            ],
        ),
    )
