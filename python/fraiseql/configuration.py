"""Options in the body of an operation: `return fraiseql.config(sql_source="v_user")`.

The body runs once, at export, with stand-ins for arguments; nothing else of it is ever run.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fraiseql.build import Build
from fraiseql.declarations import Declaration
from fraiseql.given import Given
from fraiseql.members import parameters
from fraiseql.options import OPTION_NAMES, AnyOperationOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")


@dataclass(frozen=True)
class Configuration:
    """What `config(...)` returns."""

    options: Mapping[str, Any]


_made: list[Configuration] = []


def config(**options: Unpack[AnyOperationOptions]) -> T:  # type: ignore[type-var]
    """The options of the operation around it; they mean what they mean on the decorator.

    To a type checker it is whatever the operation promises to return, so that the body fits.
    """
    configuration = Configuration(dict(options))
    _made.append(configuration)
    return cast(T, configuration)


def operation_options(build: Build, declaration: Declaration) -> Given:
    """The options of an operation, from the decorator or from the body, never from both."""
    in_body = _body_options(build, declaration)
    options = declaration.options
    if in_body:
        if options:
            build.problems.add(
                declaration.where,
                "it has options on the decorator and in `fraiseql.config(…)`",
                "keep them in one place",
            )
        options = in_body
    given = Given(declaration.where, options, build.problems)
    given.refuse_unknown(OPTION_NAMES[declaration.kind], declaration.kind)
    return given


def _body_options(build: Build, declaration: Declaration) -> Mapping[str, Any]:
    function = declaration.subject
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        build.problems.add(declaration.where, "it is no plain function", "write `def`, without async or yield")
        return {}
    _made.clear()
    try:
        returned = _call_with_stand_ins(function)
    except Exception as error:
        build.problems.add(
            declaration.where,
            f"its body failed: {type(error).__name__}: {error}",
            "the body may only `return fraiseql.config(…)`; what it does is written in SQL",
        )
        return {}
    if isinstance(returned, Configuration):
        return returned.options
    if returned is not None and returned is not Ellipsis:
        build.problems.add(
            declaration.where,
            f"its body returns {returned!r}",
            "let it `return fraiseql.config(…)`, or leave it empty",
        )
    elif _made:
        build.problems.add(
            declaration.where, "its body calls `fraiseql.config(…)` for nothing", "write `return` in front"
        )
    return {}


def _call_with_stand_ins(function: Any) -> Any:
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for parameter in parameters(function):
        stand_in = None if parameter.default is parameter.empty else parameter.default
        if parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(stand_in)
        elif parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            named[parameter.name] = stand_in
    return function(*positional, **named)
