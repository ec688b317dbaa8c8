"""The decorators of functions: one function is one root field.

The function is handed back as it was, and is never called to answer anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from fraiseql.declarations import REGISTRY, Declaration, Kind, Site
from fraiseql.options import MutationOptions, QueryOptions, SubscriptionOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

F = TypeVar("F", bound=Callable[..., Any])


@overload
def query(subject: F, /) -> F: ...
@overload
def query(**options: Unpack[QueryOptions]) -> Callable[[F], F]: ...
def query(subject: Any = None, /, **options: Any) -> Any:
    """Reads rows of `sql_source`. Parameters are the arguments, the return annotation is the result."""
    return _record("query", subject, options)


@overload
def mutation(subject: F, /) -> F: ...
@overload
def mutation(**options: Unpack[MutationOptions]) -> Callable[[F], F]: ...
def mutation(subject: Any = None, /, **options: Any) -> Any:
    """Calls the SQL function `sql_source`."""
    return _record("mutation", subject, options)


@overload
def subscription(subject: F, /) -> F: ...
@overload
def subscription(**options: Unpack[SubscriptionOptions]) -> Callable[[F], F]: ...
def subscription(subject: Any = None, /, **options: Any) -> Any:
    """Tells of events of `topic` as they happen."""
    return _record("subscription", subject, options)


def _record(kind: Kind, subject: Any, options: Mapping[str, Any]) -> Any:
    site = Site.of_caller(depth=2)

    def record(subject: Any) -> Any:
        if not isinstance(subject, FunctionType):
            raise TypeError(f"@fraiseql.{kind} stands above a function, this is {subject!r}")
        REGISTRY.add(Declaration(kind, subject.__name__, subject, dict(options), site))
        return subject

    return record if subject is None else record(subject)
