"""A schema that uses every decorator and every option once; everything.json is what it exports."""

from __future__ import annotations

import datetime
import decimal
import uuid
from enum import Enum
from typing import Annotated, Any, NewType, Optional

import fraiseql
from fraiseql.scalars import ID, BigInt, DateTime, Email, Json, Vector

Sku = NewType("Sku", str)
Grams = NewType("Grams", int)
Rating = NewType("Rating", float)
fraiseql.scalar(Rating, description="From 0 to 5.")


@fraiseql.scalar(specified_by_url="https://example.com/color")
class HexColor(str):
    """A color, `#rrggbb`."""


@fraiseql.enum(descriptions={"SHIPPED": "On its way."}, deprecated={"LOST": "use SHIPPED"})
class OrderStatus(Enum):
    """Where an order is."""

    PENDING = "pending"
    SHIPPED = "shipped"
    LOST = "LOST"


@fraiseql.interface(sql_source="v_node", keys=["id"])
class Node:
    """Anything with an identity."""

    id: ID


@fraiseql.interface
class Named:
    name: str


@fraiseql.type(
    sql_source="shop.v_user",
    implements=[Named],
    relay=True,
    requires_role="member",
    plural="people",
    jsonb_column="document",
    key_fields=["tenant_id", "id"],
    tags=["public"],
    directives=["@custom", {"name": "cached", "arguments": {"ttl": 5}}],
    relationships=[
        fraiseql.Relationship(
            name="past_orders",
            target_type="Order",
            cardinality="OneToMany",
            foreign_key="user_id",
            referenced_key="id",
        )
    ],
    subscribable_tables=["tb_user"],
    subscribable_pre_image=True,
)
class User(Node):
    """A user."""

    tenant_id: uuid.UUID
    name: str
    email: Annotated[Email, fraiseql.field(requires_scope="read:User.email")]
    phone: Annotated[str | None, fraiseql.field(requires_scope="read:User.phone", on_deny="mask")]
    phone_1: Annotated[Optional[str], fraiseql.field(deprecated="use phone")]
    orders: Annotated[list[Order], fraiseql.field(join={"pk_user": "fk_user"}, description="All of them.")]
    seen_at: list[DateTime | None]
    born: datetime.date | None
    wakes: datetime.time | None
    balance: decimal.Decimal
    visits: BigInt
    score: float
    active: bool
    settings: dict[str, Any]
    anything: Any
    raw: Json
    rating: Rating | None
    color: HexColor | None
    matrix: list[list[int]]
    embedding: Annotated[
        Vector | None,
        fraiseql.field(vector_config={"dimensions": 3, "index_type": "hnsw", "distance_metric": "cosine"}),
    ]
    distance: Annotated[float | None, fraiseql.field(vector_distance="embedding")]


@fraiseql.type(embedded=True, shareable=True)
class Money:
    amount: decimal.Decimal
    currency: Annotated[str, fraiseql.field(inaccessible=True, tags=["internal"], directives=["custom"])]


@fraiseql.type(inaccessible=True, crud=["read", "create", "update", "delete"], cascade=True)
class Order(Node):
    status: OrderStatus
    total: Money
    user: Annotated[User, fraiseql.field(join={"fk_user": "pk_user"})]
    label: Annotated[str, fraiseql.field(computed=True)]
    note: str | None


@fraiseql.type(
    keys=["sku package_name", {"fields": "maker { id }", "resolvable": False}],
    extends=True,
    interface_object=True,
)
class Product:
    sku: Sku
    package_name: str
    maker: Annotated[User, fraiseql.field(provides="name")]
    weight: Annotated[Grams, fraiseql.field(external=True)]
    price: Annotated[int, fraiseql.field(external=True, shareable=True)]
    name: Annotated[str, fraiseql.field(override_from="users", override_label="percent(5)")]
    shipping: Annotated[int | None, fraiseql.field(requires=["price", "weight"], function="fn_shipping")]


@fraiseql.error
class OutOfStock:
    """There is none left."""

    message: str
    left: int


@fraiseql.union(members=[Order, "OutOfStock"])
class OrderResult:
    """An order, or why not."""


@fraiseql.input
class CreateOrder:
    """What an order needs."""

    user_id: ID
    status: OrderStatus = OrderStatus.PENDING
    quantity: Annotated[int, fraiseql.field(description="How many.")] = 3
    note: Annotated[str | None, fraiseql.field(deprecated="say it to the courier")] = None
    coupons: Annotated[list[str], fraiseql.field(default=["first"])]
    limit_price: decimal.Decimal | None = decimal.Decimal("10.50")


@fraiseql.query(
    sql_source="shop.v_user",
    jsonb_column="document",
    auto_params=True,
    relay=True,
    relay_cursor_type="uuid",
    count=True,
    inject={"tenant_id": "jwt:tenant_id"},
    cache_ttl_seconds=0,
    additional_views=["v_order"],
    requires_role="member",
    requires_actor=["human_user"],
    read_routing="replica",
    rest_path="/people",
    rest_stream=True,
    deprecated="use everybody",
)
def all_users(active_only: bool = True, status: OrderStatus = OrderStatus.SHIPPED) -> list[User]:
    """Everybody."""
    ...


@fraiseql.query
def product(self, info, sku: Sku, package_name: Annotated[str, fraiseql.field(description="Of npm.")]) -> Product | None:
    return fraiseql.config(auto_params=False)


@fraiseql.query(sql_source="v_stats", auto_params={"where": True, "limit": False})
def statuses() -> list[OrderStatus]: ...


@fraiseql.query(description="Said here.")
def node(id: ID) -> Node | None: ...


@fraiseql.mutation
def place_order(input: CreateOrder) -> OrderResult:
    """Place an order."""
    return fraiseql.config(
        sql_source="shop.fn_place_order",
        operation="create",
        inject={"user_id": "jwt:sub"},
        requires_role="member",
        requires_actor=["human_user", "ai_agent"],
        invalidates_views=["v_order"],
        invalidates_fact_tables=["tf_sales"],
        changelog=False,
        changelog_pre_image=True,
        input_style="jsonb",
        cascade=True,
        rest_path="/orders/place",
        rest_method="PUT",
        deprecated="use the shop",
    )


@fraiseql.mutation(sql_source="fn_touch")
def touch(id: uuid.UUID, at: DateTime | None = None) -> bool: ...


@fraiseql.subscription(topic="order_created", operation="created", deprecated="poll")
def order_created(user_id: ID | None = None) -> Order:
    """An order came in."""
    ...


FEDERATION = fraiseql.Federation(
    service_name="everything",
    version="v2.3",
    default_key_fields=["id"],
    compose_directives=[{"name": "@custom", "url": "https://myspecs.dev/custom/v1.0", "import": ["@custom"]}],
)
