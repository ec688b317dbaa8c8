"""What an annotation says about a field beside its type: `Annotated[T, fraiseql.field(...)]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Final, Literal

MISSING: Final = object()
"""Not given. `None` is a value: `default=None` is a default."""


@dataclass(frozen=True)
class FieldOptions:
    """The options of one `field(...)`, as given; the export judges them."""

    given: Mapping[str, Any] = dataclass_field(default_factory=dict)

    def get(self, name: str) -> Any:
        return self.given.get(name)

    def merged(self, other: FieldOptions) -> FieldOptions:
        return FieldOptions({**self.given, **other.given})


def field(
    *,
    description: str | None = None,
    requires_scope: str | None = None,
    on_deny: Literal["reject", "mask"] | None = None,
    deprecated: str | None = None,
    column: str | None = None,
    join: Mapping[str, str] | None = None,
    function: str | None = None,
    external: bool = False,
    shareable: bool = False,
    inaccessible: bool = False,
    requires: str | Sequence[str] | None = None,
    provides: str | Sequence[str] | None = None,
    override_from: str | None = None,
    override_label: str | None = None,
    tags: Sequence[str] | None = None,
    directives: Sequence[str | Mapping[str, Any]] | None = None,
    default: Any = MISSING,
    computed: bool = False,
    vector_config: Mapping[str, Any] | None = None,
    vector_distance: str | None = None,
) -> FieldOptions:
    """Say more about a field, an input field or an argument.

    `column` is where the value is stored, when that is not the field's own name. `join` names columns, `{"pk_user": "fk_user"}`: of this type's relation and of the other's.
    `function` is the SQL function behind a field with `requires`. `computed` keeps a field out of
    the inputs that `crud=` makes. `default` is for inputs and arguments, and so are no options
    but `description` and `deprecated`.
    """
    options = {name: value for name, value in locals().items() if value is not None and value is not False}
    if default is MISSING:
        del options["default"]
    else:
        options["default"] = default
    return FieldOptions(options)


INPUT_OPTIONS: Final = ("default", "deprecated", "description")
"""The options that mean something on an input field or an argument."""
