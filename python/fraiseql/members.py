"""The annotated members of a class, and the parameters of a function, before any is resolved."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, ForwardRef, get_origin

from fraiseql.declarations import Declaration, Registry
from fraiseql.fields import MISSING
from fraiseql.references import Reader

_NOT_ARGUMENTS = ("self", "cls", "info")


@dataclass(frozen=True)
class Member:
    """A field or an argument as written in Python."""

    name: str
    annotation: Any
    default: Any
    reader: Reader


def class_members(declaration: Declaration, registry: Registry) -> list[Member]:
    """The fields of a class and of its bases, bases first; a redefined one keeps its place."""
    found: dict[str, Member] = {}
    for owner in reversed(declaration.subject.__mro__):
        names = declaration.site.names
        if owner is not declaration.subject:
            module = sys.modules.get(owner.__module__)
            names = {**names, **vars(module)} if module else names
        reader = Reader(registry, declaration.site, names)
        for name, annotation in raw_annotations(owner).items():
            if not _is_class_variable(annotation):
                default = _class_default(declaration.subject, name)
                found[name] = Member(name, annotation, default, reader)
    return list(found.values())


def function_members(declaration: Declaration, registry: Registry) -> Iterator[Member]:
    """The arguments of an operation. An unannotated one comes with `MISSING` as its annotation."""
    reader = Reader(registry, declaration.site)
    annotations = raw_annotations(declaration.subject)
    for parameter in parameters(declaration.subject):
        if parameter.name in _NOT_ARGUMENTS:
            continue
        default = MISSING if parameter.default is parameter.empty else parameter.default
        yield Member(parameter.name, annotations.get(parameter.name, MISSING), default, reader)


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """All parameters, the variadic ones included."""
    if sys.version_info >= (3, 14):
        import annotationlib

        unresolved = annotationlib.Format.FORWARDREF
        return list(inspect.signature(function, annotation_format=unresolved).parameters.values())
    return list(inspect.signature(function).parameters.values())


def raw_annotations(subject: Any) -> Mapping[str, Any]:
    """The annotations of one class (without its bases) or function, unresolved ones as text."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(subject, format=annotationlib.Format.FORWARDREF)
    own = vars(subject).get("__annotations__") if isinstance(subject, type) else subject.__annotations__
    return own if isinstance(own, dict) else {}


def description_of(subject: Any) -> str | None:
    """The docstring, without the ones that Python itself writes for enums and dataclasses."""
    text = vars(subject).get("__doc__") if isinstance(subject, type) else subject.__doc__
    if not isinstance(text, str) or text == "An enumeration.":
        return None
    if dataclasses.is_dataclass(subject) and text.startswith(f"{getattr(subject, '__name__', '')}("):
        return None
    return inspect.cleandoc(text) or None


def _is_class_variable(annotation: Any) -> bool:
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return annotation.startswith(("ClassVar", "typing.ClassVar", "t.ClassVar"))
    return annotation is ClassVar or get_origin(annotation) is ClassVar


def _class_default(subject: type, name: str) -> Any:
    described = getattr(subject, "__dataclass_fields__", {}).get(name)
    if described is not None and described.default_factory is not dataclasses.MISSING:
        return described.default_factory()
    value = getattr(subject, name, MISSING)
    if isinstance(value, (types.MemberDescriptorType, property, types.FunctionType)):
        return MISSING
    return value
