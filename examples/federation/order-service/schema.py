import fraiseql
from fraiseql.scalars import ID, DateTime, Decimal

@fraiseql.type
class Order:
    """Order record owned by the order service."""
    id: ID
    total: Decimal
    status: str
    user_id: ID
    created_at: DateTime

@fraiseql.query
def order(id: ID) -> Order | None:
    """Fetch an order by ID."""
    return fraiseql.config(sql_source="v_order")

@fraiseql.query
def orders(limit: int = 20, offset: int = 0) -> list[Order]:
    """List orders."""
    return fraiseql.config(sql_source="v_order")

if __name__ == "__main__":
    fraiseql.export_schema(
        "schema.json",
        federation=fraiseql.Federation(service_name="order-service"),
    )
