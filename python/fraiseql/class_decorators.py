"""The decorators of classes: each records, none judges.

A decorated class is handed back as it was. Every decorator stands bare or with options,
`@fraiseql.type` or `@fraiseql.type(sql_source="v_user")`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NewType, TypeVar, overload

from fraiseql.declarations import REGISTRY, Declaration, Kind, Site
from fraiseql.options import (
    EnumOptions,
    InputOptions,
    InterfaceOptions,
    ScalarOptions,
    TypeOptions,
    UnionOptions,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

C = TypeVar("C", bound=type[Any])
S = TypeVar("S", bound="type[Any] | NewType")


@overload
def type_(subject: C, /) -> C: ...
@overload
def type_(**options: Unpack[TypeOptions]) -> Callable[[C], C]: ...
def type_(subject: Any = None, /, **options: Any) -> Any:
    """An object that the API can return, read from `sql_source` (`v_<name>` unless given)."""
    return _record("type", subject, options)


@overload
def error(subject: C, /) -> C: ...
@overload
def error(**options: Unpack[TypeOptions]) -> Callable[[C], C]: ...
def error(subject: Any = None, /, **options: Any) -> Any:
    """An object that a mutation returns instead of its result: a member of a union."""
    return _record("error", subject, options)


@overload
def input(subject: C, /) -> C: ...
@overload
def input(**options: Unpack[InputOptions]) -> Callable[[C], C]: ...
def input(subject: Any = None, /, **options: Any) -> Any:
    """An object that clients send. Class attributes are defaults."""
    return _record("input", subject, options)


@overload
def enum(subject: C, /) -> C: ...
@overload
def enum(**options: Unpack[EnumOptions]) -> Callable[[C], C]: ...
def enum(subject: Any = None, /, **options: Any) -> Any:
    """The API speaks the names of an `enum.Enum`, PostgreSQL stores its values."""
    return _record("enum", subject, options)


@overload
def interface(subject: C, /) -> C: ...
@overload
def interface(**options: Unpack[InterfaceOptions]) -> Callable[[C], C]: ...
def interface(subject: Any = None, /, **options: Any) -> Any:
    """Fields that several types share: inherit from it, or name it in `implements=`."""
    return _record("interface", subject, options)


@overload
def union(subject: C, /) -> C: ...
@overload
def union(**options: Unpack[UnionOptions]) -> Callable[[C], C]: ...
def union(subject: Any = None, /, **options: Any) -> Any:
    """One of several types: `@fraiseql.union(members=[User, Order])` above an empty class."""
    return _record("union", subject, options)


@overload
def scalar(subject: S, /, **options: Unpack[ScalarOptions]) -> S: ...
@overload
def scalar(**options: Unpack[ScalarOptions]) -> Callable[[S], S]: ...
def scalar(subject: Any = None, /, **options: Any) -> Any:
    """A scalar of your own: above a class, or `scalar(Sku)` on a `NewType`."""
    return _record("scalar", subject, options)


def _record(kind: Kind, subject: Any, options: Mapping[str, Any]) -> Any:
    site = Site.of_caller(depth=2)

    def record(subject: Any) -> Any:
        if not isinstance(subject, type) and not (kind == "scalar" and isinstance(subject, NewType)):
            raise TypeError(f"@fraiseql.{kind} stands above a class, this is {subject!r}")
        name = str(options.get("name") or _own_name(kind, subject))
        REGISTRY.add(Declaration(kind, name, subject, dict(options), site))
        return subject

    return record if subject is None else record(subject)


def _own_name(kind: Kind, subject: Any) -> str:
    """The class name; a scalar's class may carry its API name as `graphql_name` or `name`."""
    if kind == "scalar" and isinstance(subject, type):
        for attribute in ("graphql_name", "name"):
            name = vars(subject).get(attribute)
            if isinstance(name, str):
                return name
    return str(subject.__name__)
