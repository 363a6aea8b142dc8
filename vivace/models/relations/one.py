"""OneToOneField: a foreign key that no two rows share, and the link from a child's table to its parent's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast, overload

from vivace.models.fields.base import FieldDeconstruction

from .base import ForeignOptions, T
from .foreign import ForeignKey
from .rels import ManyToOneRel, OneToOneRel

if TYPE_CHECKING:
    from typing import TypeVar, Unpack

    from vivace.models.base import Model
    from vivace.models.deletion_rules import DeletionRule

    M = TypeVar("M", bound=Model)


class OneToOneField(ForeignKey[T]):
    """One object of this model belongs to one of another; the other side has a single object, not a manager."""

    many_to_one = False
    one_to_one = True
    rel_class: ClassVar[type[ManyToOneRel]] = OneToOneRel
    forward_kind = "forward-one"
    reverse_kind = "reverse-one"

    @overload
    def __init__(
        self: OneToOneField[M],
        to: type[M],
        on_delete: DeletionRule,
        *,
        null: Literal[False] = False,
        **options: Unpack[ForeignOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: OneToOneField[M | None],
        to: type[M],
        on_delete: DeletionRule,
        *,
        null: Literal[True],
        **options: Unpack[ForeignOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: OneToOneField[Any],
        to: str,
        on_delete: DeletionRule,
        *,
        null: bool = False,
        **options: Unpack[ForeignOptions],
    ) -> None: ...
    def __init__(
        self,
        to: Any,
        on_delete: DeletionRule | None = None,
        *,
        null: bool = False,
        **options: Unpack[ForeignOptions],
    ) -> None:
        options["unique"] = True
        super().__init__(to, cast("DeletionRule", on_delete), null=null, **options)  # checked there

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("unique", None)
        return name, path, args, kwargs

    def save_form_data(self, instance: Model, data: Any) -> None:
        if isinstance(data, self.remote_field.model) or data is None:
            setattr(instance, self.name, data)
        else:
            setattr(instance, self.attname, data)
