"""The other half: users, and the products as far as they are known here."""

from typing import Annotated

import fraiseql
from fraiseql import field
from fraiseql.scalars import ID, Decimal


@fraiseql.interface(keys=["id"], sql_source="v_account")
class Account:
    id: ID


@fraiseql.type(key_fields=["id"])
class Company(Account):
    id: ID
    name: str


@fraiseql.type(keys=["email", "id"])
class User(Account):
    id: ID
    email: ID
    sold: Annotated[int | None, field(shareable=True)]
    years: int | None
    address: "Address | None"


@fraiseql.type(embedded=True, shareable=True)
class Address:
    city: str | None
    zip: str | None


@fraiseql.type
class Product:
    id: ID
    price: Annotated[Decimal | None, field(shareable=True)]
    weight: float | None
    rank: int | None


@fraiseql.type
class Seller:
    id: ID
    company: Annotated[Company, field(join={"fk_company": "pk_company"})]


@fraiseql.type
class Badge:
    number: int
    color: str


@fraiseql.query(sql_source="v_account")
def account(id: ID) -> Account | None: ...


@fraiseql.query(sql_source="v_user", relay=True)
def user_pages() -> list[User]: ...


@fraiseql.query(sql_source="v_badge", auto_params=True)
def badges() -> list[Badge]: ...


if __name__ == "__main__":
    fraiseql.export_schema("schema.json", federation=fraiseql.Federation("accounts"))
