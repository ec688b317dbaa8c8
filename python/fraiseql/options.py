"""Which options each decorator takes, and of which type.

The `TypedDict`s serve the reader twice: a type checker and an editor complete them, and the export
reads the very same tables to refuse a misspelt option with the nearest name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypedDict

from fraiseql.declarations import Kind

Crud = Literal["read", "create", "update", "delete"]
Directives = Sequence["str | Mapping[str, Any]"]
Keys = Sequence["str | Mapping[str, Any]"]


class Relationship(TypedDict):
    """A joined field, named from the other side: `foreign_key` and `referenced_key` are columns.

    `cardinality` is `OneToMany`, `ManyToOne` or `OneToOne`; the foreign key stands on the *many*
    (or the pointing) side.
    """

    name: str
    target_type: str | type
    cardinality: Literal["OneToMany", "ManyToOne", "OneToOne"]
    foreign_key: str
    referenced_key: str


class ShapeOptions(TypedDict, total=False):
    name: str
    description: str


class InputOptions(ShapeOptions, total=False):
    pass


class EnumOptions(ShapeOptions, total=False):
    descriptions: Mapping[str, str]
    deprecated: Mapping[str, str]


class UnionOptions(ShapeOptions, total=False):
    members: Sequence[str | type]


class ScalarOptions(ShapeOptions, total=False):
    specified_by_url: str
    base_type: str


class InterfaceOptions(ShapeOptions, total=False):
    sql_source: str
    keys: Keys


class TypeOptions(ShapeOptions, total=False):
    sql_source: str
    embedded: bool
    implements: Sequence[str | type]
    relay: bool
    requires_role: str
    plural: str
    plural_name: str
    jsonb_column: str
    key_fields: Sequence[str]
    keys: Keys
    extends: bool
    shareable: bool
    inaccessible: bool
    tags: Sequence[str]
    interface_object: bool
    directives: Directives
    relationships: Sequence[Relationship]
    subscribable_tables: Sequence[str]
    subscribable_pre_image: bool
    crud: bool | Sequence[Crud]
    cascade: bool


class OperationOptions(TypedDict, total=False):
    description: str
    deprecated: str
    returns_list: bool


class ServedOptions(OperationOptions, total=False):
    sql_source: str
    inject: Mapping[str, Any]
    requires_role: str
    requires_actor: Sequence[str]
    rest_path: str
    rest_method: str


class QueryOptions(ServedOptions, total=False):
    jsonb_column: str
    auto_params: bool | Mapping[str, bool]
    relay: bool
    relay_cursor_type: Literal["int64", "uuid"]
    count: bool
    cache_ttl_seconds: int
    additional_views: Sequence[str]
    read_routing: str | Mapping[str, Any]
    rest_stream: bool


class MutationOptions(ServedOptions, total=False):
    operation: str
    invalidates_views: Sequence[str]
    invalidates_fact_tables: Sequence[str]
    changelog: bool
    changelog_pre_image: bool
    input_style: Literal["flatten", "jsonb"]
    cascade: bool


class SubscriptionOptions(OperationOptions, total=False):
    topic: str
    operation: str


class AnyOperationOptions(QueryOptions, MutationOptions, SubscriptionOptions, total=False):
    """What `config(...)` takes; which of it applies depends on the decorator above."""


def _names(options: Any) -> tuple[str, ...]:
    return tuple(sorted(options.__required_keys__ | options.__optional_keys__))


OPTION_NAMES: Final[dict[Kind, tuple[str, ...]]] = {
    "type": _names(TypeOptions),
    "error": _names(TypeOptions),
    "input": _names(InputOptions),
    "enum": _names(EnumOptions),
    "interface": _names(InterfaceOptions),
    "union": _names(UnionOptions),
    "scalar": _names(ScalarOptions),
    "query": _names(QueryOptions),
    "mutation": _names(MutationOptions),
    "subscription": _names(SubscriptionOptions),
}
