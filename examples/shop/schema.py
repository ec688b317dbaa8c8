"""The API of the shop: run this file to write schema.json."""

from enum import Enum
from typing import Annotated

import fraiseql
from fraiseql.scalars import ID, BigInt, DateTime, Decimal

# --- What a field may hold ---------------------------------------------------------------------


@fraiseql.enum
class UserRole(Enum):
    """What a user may do in the shop."""

    ADMIN = "admin"
    EDITOR = "editor"
    MEMBER = "member"


@fraiseql.enum
class PostStatus(Enum):
    """Where a post is on its way from draft to archive."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


@fraiseql.enum
class OrderStatus(Enum):
    """Where an order is on its way to the customer."""

    PENDING = "pending"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


@fraiseql.interface
class Named:
    """Anything that can be listed by its name."""

    id: ID
    name: str


# --- People and what they write: typed columns, joined when asked for ----------------------------


@fraiseql.type(sql_source="v_user", implements=["Named"], relay=True)
class User:
    """Somebody with an account."""

    id: ID
    name: str
    email: str
    age: Annotated[int | None, fraiseql.field(description="In years; empty when not told.")]
    score: Annotated[Decimal, fraiseql.field(description="Points earned by writing and buying.")]
    active: bool
    role: UserRole
    bio: Annotated[str | None, fraiseql.field(description="A few words in the user's own language.")]
    tags: Annotated[list[str], fraiseql.field(description="What the user is interested in.")]
    created_at: DateTime
    posts: Annotated[
        list["Post"],
        fraiseql.field(join={"pk_user": "fk_user"}, description="Everything the user wrote, drafts included."),
    ]


@fraiseql.type(sql_source="v_post")
class Post:
    """An article on the shop's blog."""

    id: ID
    title: str
    body: str
    status: PostStatus
    view_count: Annotated[BigInt, fraiseql.field(description="How often the post was opened.")]
    published_at: Annotated[DateTime | None, fraiseql.field(description="Empty for a draft.")]
    created_at: DateTime
    author: Annotated[User, fraiseql.field(join={"fk_user": "pk_user"}, description="Who wrote the post.")]
    comments: Annotated[
        list["Comment"],
        fraiseql.field(join={"pk_post": "fk_post"}, description="What readers answered."),
    ]


@fraiseql.type(sql_source="v_comment")
class Comment:
    """A reader's answer to a post."""

    id: ID
    body: str
    rating: Annotated[int, fraiseql.field(description="From 1, poor, to 5, excellent.")]
    created_at: DateTime
    post: Annotated[Post, fraiseql.field(join={"fk_post": "pk_post"}, description="The post it answers.")]
    author: Annotated[User, fraiseql.field(join={"fk_user": "pk_user"}, description="Who wrote the comment.")]


# --- What is sold: one stored document for each product ------------------------------------------


@fraiseql.type(embedded=True)
class Dimensions:
    """How big and how heavy a product is."""

    size: Annotated[str | None, fraiseql.field(description="small, medium or large; empty when it comes in one size.")]
    weight: float
    unit: Annotated[str, fraiseql.field(description="The unit of the weight: g or kg.")]


@fraiseql.type(sql_source="tv_product", implements=["Named"])
class Product:
    """Something on the shelves."""

    id: ID
    sku: Annotated[str, fraiseql.field(description="The number on the label.")]
    name: str
    price: Decimal
    dimensions: Dimensions
    created_at: DateTime


# --- What was bought: a document with everything inside ------------------------------------------


@fraiseql.type(embedded=True)
class Customer:
    """The user behind an order, as the order shows them."""

    id: ID
    name: str
    email: str


@fraiseql.type(embedded=True)
class LineItem:
    """One line of an order."""

    sku: str
    name: str
    quantity: int
    unit_price: Annotated[Decimal, fraiseql.field(description="The price of one piece on the day of the order.")]


@fraiseql.type(sql_source="v_order")
class Order:
    """A purchase, read whole: the customer and the items come with it."""

    id: ID
    user_id: ID
    status: OrderStatus
    total: Annotated[Decimal, fraiseql.field(description="The sum of the items.")]
    note: Annotated[str | None, fraiseql.field(description="What the customer asked for.")]
    created_at: DateTime
    customer: Customer
    items: list[LineItem]


@fraiseql.union(members=[Post, Product])
class FeedItem:
    """Something new: a post to read or a product to buy."""


# --- What can be asked ---------------------------------------------------------------------------


@fraiseql.query
def user(id: ID) -> User | None:
    """One user by id."""
    return fraiseql.config(sql_source="v_user")


@fraiseql.query
def users() -> list[User]:
    """Users: filtered, ordered and paged as the caller likes."""
    return fraiseql.config(sql_source="v_user", auto_params=True)


@fraiseql.query
def all_users() -> list[User]:
    """Every user, page by page, as a Relay connection."""
    return fraiseql.config(sql_source="v_user", relay=True, rest_path="/all-users")


@fraiseql.query
def post(id: ID) -> Post | None:
    """One post by id."""
    return fraiseql.config(sql_source="v_post")


@fraiseql.query
def posts() -> list[Post]:
    """Posts: filtered, ordered and paged as the caller likes."""
    return fraiseql.config(sql_source="v_post", auto_params=True)


@fraiseql.query
def comments() -> list[Comment]:
    """Comments on all posts; for those of one post, ask the post."""
    return fraiseql.config(sql_source="v_comment", auto_params=True)


@fraiseql.query
def product(id: ID) -> Product | None:
    """One product by id."""
    return fraiseql.config(sql_source="tv_product")


@fraiseql.query
def products() -> list[Product]:
    """Products: filtered, ordered and paged as the caller likes."""
    return fraiseql.config(sql_source="tv_product", auto_params=True)


@fraiseql.query
def order(id: ID) -> Order | None:
    """One order by id."""
    return fraiseql.config(sql_source="v_order")


@fraiseql.query
def orders() -> list[Order]:
    """Orders: filtered, ordered and paged as the caller likes."""
    return fraiseql.config(sql_source="v_order", auto_params=True)


@fraiseql.query
def feed(limit: int = 20, offset: int = 0) -> list[FeedItem]:
    """What is new: the latest fifty posts and the latest fifty products."""
    return fraiseql.config(sql_source="v_feed_item")


# --- What can be changed: functions in sql/50_functions.sql ---------------------------------------


@fraiseql.input
class CreateUserInput:
    """Somebody new."""

    name: str
    email: str
    age: int | None = None
    bio: str | None = None
    tags: list[str] = []


@fraiseql.input
class UpdateUserInput:
    """What is to change; the rest stays as it is."""

    id: ID
    name: str | None
    age: int | None
    bio: str | None


@fraiseql.mutation(sql_source="fn_create_user", operation="CREATE")
def create_user(input: CreateUserInput) -> User:
    """Open an account; an address has only one."""


@fraiseql.mutation(sql_source="fn_update_user", operation="UPDATE")
def update_user(input: UpdateUserInput) -> User:
    """Change what is sent of a user."""


@fraiseql.mutation(sql_source="fn_delete_user", operation="DELETE")
def delete_user(id: ID) -> User | None:
    """Close an account that never ordered anything."""


@fraiseql.mutation(sql_source="fn_publish_post", operation="CUSTOM")
def publish_post(id: ID) -> Post | None:
    """Show a draft to everybody."""


if __name__ == "__main__":
    fraiseql.export_schema(
        "schema.json",
        federation=fraiseql.Federation(service_name="shop"),
    )
