"""A GraphQL type, read from a Python annotation.

Annotations are resolved one by one and only at export: a name that is missing costs its own field
and no other, and a class may name one that stands further down in the file.
"""

from __future__ import annotations

import builtins
import enum
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ForwardRef, Literal, NewType, Union, get_args, get_origin

from fraiseql.declarations import Declaration, Registry, Site
from fraiseql.fields import FieldOptions
from fraiseql.problems import did_you_mean
from fraiseql.scalars import PYTHON_TYPES, SCALARS


@dataclass(frozen=True)
class Reference:
    """`list[LineItem] | None` is the text `[LineItem!]`, the name `LineItem`, nullable."""

    name: str
    text: str
    nullable: bool = False
    item: Reference | None = None
    declaration: Declaration | None = None
    new_type: NewType | None = None
    options: FieldOptions = field(default_factory=FieldOptions)

    @property
    def innermost(self) -> Reference:
        return self.item.innermost if self.item else self


class Unreadable(Exception):
    """An annotation that names no GraphQL type."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class Reader:
    """Reads annotations written at one site."""

    def __init__(self, registry: Registry, site: Site, names: Mapping[str, Any] | None = None) -> None:
        self._registry = registry
        self._names = _Names(registry, site, site.names if names is None else names)

    def read(self, annotation: Any) -> Reference:
        """The reference behind an annotation, or `Unreadable`."""
        if isinstance(annotation, ForwardRef):
            annotation = annotation.__forward_arg__
        if isinstance(annotation, str):
            return self.read(self._evaluate(annotation))
        origin = get_origin(annotation)
        if origin is Annotated:
            return self._read_annotated(annotation)
        if origin is Union or origin is types.UnionType:
            return self._read_union(annotation)
        if origin is list or annotation is list:
            return self._read_list(annotation)
        return self._read_name(dict if origin is dict else annotation)

    def _evaluate(self, text: str) -> Any:
        try:
            return eval(text, {"__builtins__": {}}, self._names)  # the author's own source text
        except NameError as error:
            missing = error.name or text
            known = [declaration.name for declaration in self._registry.shapes()] + list(SCALARS)
            raise Unreadable(
                f"the name `{missing}` is not defined",
                did_you_mean(missing, known, f"import `{missing}`, or declare it with @fraiseql.type"),
            ) from None
        except Exception as error:
            raise Unreadable(
                f"the annotation `{text}` cannot be evaluated: {error}",
                "write a type, for example `str | None` or `list[Order]`",
            ) from None

    def _read_annotated(self, annotation: Any) -> Reference:
        inner, *metadata = get_args(annotation)
        reference = self.read(inner)
        for extra in metadata:
            if isinstance(extra, FieldOptions):
                reference = replace(reference, options=reference.options.merged(extra))
        return reference

    def _read_union(self, annotation: Any) -> Reference:
        members = get_args(annotation)
        others = [member for member in members if member is not types.NoneType]
        if len(others) == 1 and len(others) < len(members):
            return replace(self.read(others[0]), nullable=True)
        names = ", ".join(_spelling(member) for member in others)
        raise Unreadable(
            f"`{_spelling(annotation)}` is a union without a name",
            f"declare one: `@fraiseql.union(members=[{names}])` above a class, and use that class",
        )

    def _read_list(self, annotation: Any) -> Reference:
        arguments = get_args(annotation)
        if not arguments:
            raise Unreadable("`list` does not say what it holds", "write `list[str]`, or `list[Order]`")
        item = self.read(arguments[0])
        text = f"[{item.text}]" if item.nullable else f"[{item.text}!]"
        return Reference(item.name, text, item=item, options=item.options)

    def _read_name(self, annotation: Any) -> Reference:
        if isinstance(annotation, NewType):
            return self._read_new_type(annotation)
        declaration = self._registry.of_subject(annotation)
        if declaration is not None:
            return Reference(declaration.name, declaration.name, declaration=declaration)
        try:
            scalar = PYTHON_TYPES.get(annotation)
        except TypeError:
            scalar = None
        if scalar is not None:
            return Reference(scalar, scalar)
        raise self._unknown(annotation)

    def _read_new_type(self, annotation: NewType) -> Reference:
        name = annotation.__name__
        declaration = self._registry.of_subject(annotation) or self._registry.named(name)
        if declaration is not None and declaration.kind == "scalar":
            return Reference(declaration.name, declaration.name, declaration=declaration)
        return Reference(name, name, new_type=None if name in SCALARS else annotation)

    def _unknown(self, annotation: Any) -> Unreadable:
        spelling = _spelling(annotation)
        if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
            return Unreadable(f"the enum `{spelling}` is not part of the schema", "put @fraiseql.enum above it")
        if annotation is None or annotation is types.NoneType:
            return Unreadable("`None` is no type", "write `bool` for an answer without content")
        if get_origin(annotation) is Literal:
            return Unreadable(f"`{spelling}` has no GraphQL type", "declare the values with @fraiseql.enum")
        if get_origin(annotation) is not None or annotation in (set, tuple, frozenset):
            return Unreadable(f"`{spelling}` has no GraphQL type", "write `list[T]` for a list of T")
        if isinstance(annotation, type):
            return Unreadable(
                f"the class `{spelling}` is not part of the schema",
                "put @fraiseql.type or @fraiseql.input above it, or use a scalar of fraiseql.scalars",
            )
        return Unreadable(f"`{spelling}` is not a type", "write a type, for example `str | None`")


class _Names(dict[str, Any]):
    """The names that an annotation may use: those of its site, then the builtins, then whatever is
    declared, so that an import under `TYPE_CHECKING` or a class further down does no harm."""

    def __init__(self, registry: Registry, site: Site, names: Mapping[str, Any]) -> None:
        super().__init__()
        self._registry = registry
        self._layers = (site.local_names, names, vars(builtins))

    def __missing__(self, name: str) -> Any:
        for layer in self._layers:
            if name in layer:
                return layer[name]
        declaration = self._registry.named(name)
        if declaration is None:
            raise KeyError(name)
        return declaration.subject


def _spelling(annotation: Any) -> str:
    """As the author would write it."""
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    if isinstance(annotation, str):
        return annotation
    plain = isinstance(annotation, type) and get_origin(annotation) is None
    return annotation.__name__ if plain else str(annotation).replace("typing.", "")
