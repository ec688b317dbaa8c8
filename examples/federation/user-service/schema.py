import fraiseql
from fraiseql.scalars import ID, DateTime
@fraiseql.type
class User:
    """User record owned by the user service."""
    id: ID
    name: str
    email: str
    created_at: DateTime
@fraiseql.query
def user(id: ID) -> User | None:
    """Fetch a user by ID."""
    return fraiseql.config(sql_source="v_user")
@fraiseql.query
def users(limit: int = 20, offset: int = 0) -> list[User]:
    """List users."""
    return fraiseql.config(sql_source="v_user")
if __name__ == "__main__":
    fraiseql.export_schema(
        "schema.json",
        federation=fraiseql.Federation(service_name="user-service"),
    )
