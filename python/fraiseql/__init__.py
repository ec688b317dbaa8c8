"""Author a fraiseql schema in Python: decorated classes and functions in, `schema.json` out.

    import fraiseql
    from fraiseql.scalars import ID

    @fraiseql.type
    class User:
        id: ID
        name: str

    @fraiseql.query
    def user(id: ID) -> User | None:
        return fraiseql.config(sql_source="v_user")

    fraiseql.export_schema("schema.json")

Nothing here runs when the API is served: the compiler reads `schema.json`, and that is all.
"""

from fraiseql.class_decorators import enum, error, input, interface, scalar, union
from fraiseql.class_decorators import type_ as type
from fraiseql.configuration import config
from fraiseql.declarations import clear
from fraiseql.export import export_schema, export_types, get_schema_dict
from fraiseql.federation import Federation
from fraiseql.fields import field
from fraiseql.operation_decorators import mutation, query, subscription
from fraiseql.options import Relationship
from fraiseql.problems import Problem, SchemaError
from fraiseql.scalars import ID, UUID, BigInt, Date, DateTime, Decimal, Json, Time

__version__ = "0.1.0"

__all__ = [
    "ID",
    "UUID",
    "BigInt",
    "Date",
    "DateTime",
    "Decimal",
    "Federation",
    "Json",
    "Problem",
    "Relationship",
    "SchemaError",
    "Time",
    "clear",
    "config",
    "enum",
    "error",
    "export_schema",
    "export_types",
    "field",
    "get_schema_dict",
    "input",
    "interface",
    "mutation",
    "query",
    "scalar",
    "subscription",
    "type",
    "union",
]
