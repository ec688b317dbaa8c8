"""The API: run this file to write schema.json. `fraiseql dev` does so whenever it is saved."""

from typing import Annotated

import fraiseql
from fraiseql.scalars import ID, DateTime


@fraiseql.type(sql_source="v_user")
class User:
    """Somebody who writes."""

    id: ID
    name: str
    email: str
    created_at: DateTime
    posts: Annotated[
        list["Post"],
        fraiseql.field(join={"pk_user": "fk_user"}, description="Everything the user wrote."),
    ]


@fraiseql.type(sql_source="v_post")
class Post:
    """Something to read."""

    id: ID
    title: str
    body: str
    published_at: Annotated[DateTime | None, fraiseql.field(description="Empty for a draft.")]
    created_at: DateTime
    author: Annotated[User, fraiseql.field(join={"fk_user": "pk_user"}, description="Who wrote the post.")]


@fraiseql.query
def user(id: ID) -> User | None:
    """One user by id."""
    return fraiseql.config(sql_source="v_user")


@fraiseql.query
def users() -> list[User]:
    """Users: filtered, ordered and paged as the caller likes."""
    return fraiseql.config(sql_source="v_user", auto_params=True)


@fraiseql.query
def post(id: ID) -> Post | None:
    """One post by id."""
    return fraiseql.config(sql_source="v_post")


@fraiseql.query
def posts() -> list[Post]:
    """Posts: filtered, ordered and paged as the caller likes."""
    return fraiseql.config(sql_source="v_post", auto_params=True)


if __name__ == "__main__":
    fraiseql.export_schema("schema.json")
