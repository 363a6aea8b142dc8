"""Models: Django's names and semantics, truly asynchronous.

``from vivace import models`` is all a program needs. Each name is imported from its room when it is first asked for, so
that declaring models loads no more than their fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.errors.nearest import lazy_names

if TYPE_CHECKING:
    from vivace.errors.models import ObjectDoesNotExist as ObjectDoesNotExist
    from vivace.errors.models import ProtectedError as ProtectedError
    from vivace.errors.models import RestrictedError as RestrictedError

    from . import deletion as deletion
    from . import functions as functions
    from . import signals as signals
    from . import validators as validators
    from .access import Annotated as Annotated
    from .access import Id as Id
    from .access import Reverse as Reverse
    from .access import ReverseOne as ReverseOne
    from .base import DEFERRED as DEFERRED
    from .base import Model as Model
    from .base import ModelBase as ModelBase
    from .constraints import BaseConstraint as BaseConstraint
    from .constraints import CheckConstraint as CheckConstraint
    from .constraints import Deferrable as Deferrable
    from .constraints import UniqueConstraint as UniqueConstraint
    from .deletion_rules import CASCADE as CASCADE
    from .deletion_rules import DB_CASCADE as DB_CASCADE
    from .deletion_rules import DB_SET_DEFAULT as DB_SET_DEFAULT
    from .deletion_rules import DB_SET_NULL as DB_SET_NULL
    from .deletion_rules import DO_NOTHING as DO_NOTHING
    from .deletion_rules import PROTECT as PROTECT
    from .deletion_rules import RESTRICT as RESTRICT
    from .deletion_rules import SET as SET
    from .deletion_rules import SET_DEFAULT as SET_DEFAULT
    from .deletion_rules import SET_NULL as SET_NULL
    from .enums import Choices as Choices
    from .enums import IntegerChoices as IntegerChoices
    from .enums import TextChoices as TextChoices
    from .expressions.aggregates import Aggregate as Aggregate
    from .expressions.aggregates import AnyValue as AnyValue
    from .expressions.aggregates import Avg as Avg
    from .expressions.aggregates import BitAnd as BitAnd
    from .expressions.aggregates import BitOr as BitOr
    from .expressions.aggregates import BitXor as BitXor
    from .expressions.aggregates import Count as Count
    from .expressions.aggregates import Max as Max
    from .expressions.aggregates import Min as Min
    from .expressions.aggregates import StdDev as StdDev
    from .expressions.aggregates import StringAgg as StringAgg
    from .expressions.aggregates import Sum as Sum
    from .expressions.aggregates import Variance as Variance
    from .expressions.base import Expression as Expression
    from .expressions.conditional import Case as Case
    from .expressions.conditional import When as When
    from .expressions.func import ExpressionWrapper as ExpressionWrapper
    from .expressions.func import Func as Func
    from .expressions.func import Transform as Transform
    from .expressions.functions import JSONNull as JSONNull
    from .expressions.names import F as F
    from .expressions.names import FieldRef as FieldRef
    from .expressions.names import OuterRef as OuterRef
    from .expressions.ordering import OrderBy as OrderBy
    from .expressions.q import Q as Q
    from .expressions.relations import FilteredRelation as FilteredRelation
    from .expressions.subqueries import Exists as Exists
    from .expressions.subqueries import Subquery as Subquery
    from .expressions.values import RawSQL as RawSQL
    from .expressions.values import Value as Value
    from .expressions.windows import RowRange as RowRange
    from .expressions.windows import ValueRange as ValueRange
    from .expressions.windows import Window as Window
    from .expressions.windows import WindowFrame as WindowFrame
    from .expressions.windows import WindowFrameExclusion as WindowFrameExclusion
    from .fields.auto import AutoField as AutoField
    from .fields.auto import BigAutoField as BigAutoField
    from .fields.auto import SmallAutoField as SmallAutoField
    from .fields.base import Field as Field
    from .fields.composite import CompositePrimaryKey as CompositePrimaryKey
    from .fields.fieldfile import FieldFile as FieldFile
    from .fields.files import FileField as FileField
    from .fields.generated import GeneratedField as GeneratedField
    from .fields.numbers import BigIntegerField as BigIntegerField
    from .fields.numbers import BooleanField as BooleanField
    from .fields.numbers import DecimalField as DecimalField
    from .fields.numbers import FloatField as FloatField
    from .fields.numbers import IntegerField as IntegerField
    from .fields.numbers import PositiveBigIntegerField as PositiveBigIntegerField
    from .fields.numbers import PositiveIntegerField as PositiveIntegerField
    from .fields.numbers import PositiveSmallIntegerField as PositiveSmallIntegerField
    from .fields.numbers import SmallIntegerField as SmallIntegerField
    from .fields.options import NOT_PROVIDED as NOT_PROVIDED
    from .fields.others import BinaryField as BinaryField
    from .fields.others import GenericIPAddressField as GenericIPAddressField
    from .fields.others import JSONField as JSONField
    from .fields.others import UUIDField as UUIDField
    from .fields.text import CharField as CharField
    from .fields.text import CommaSeparatedIntegerField as CommaSeparatedIntegerField
    from .fields.text import EmailField as EmailField
    from .fields.text import FilePathField as FilePathField
    from .fields.text import SlugField as SlugField
    from .fields.text import TextField as TextField
    from .fields.text import URLField as URLField
    from .fields.times import DateField as DateField
    from .fields.times import DateTimeField as DateTimeField
    from .fields.times import DurationField as DurationField
    from .fields.times import TimeField as TimeField
    from .fields.version import VersionField as VersionField
    from .indexes import Index as Index
    from .lookups.base import Lookup as Lookup
    from .query.manager import Manager as Manager
    from .query.prefetching import GenericPrefetch as GenericPrefetch
    from .query.prefetching import Prefetch as Prefetch
    from .query.prefetching import prefetch_related_objects as prefetch_related_objects
    from .query.queryset import QuerySet as QuerySet
    from .registry import Registry as Registry
    from .relations.foreign import ForeignKey as ForeignKey
    from .relations.many import ManyToManyField as ManyToManyField
    from .relations.one import OneToOneField as OneToOneField
    from .relations.rels import ForeignObjectRel as ForeignObjectRel
    from .relations.rels import ManyToManyRel as ManyToManyRel
    from .relations.rels import ManyToOneRel as ManyToOneRel
    from .relations.rels import OneToOneRel as OneToOneRel
    from .sql.ctes import CteColumn as CteColumn

_ROOMS = {
    "deletion": "ObjectDoesNotExist ProtectedError RestrictedError",
    "access": "Annotated Id Reverse ReverseOne",
    "base": "DEFERRED Model ModelBase",
    "constraints": "BaseConstraint CheckConstraint Deferrable UniqueConstraint",
    "deletion_rules": "CASCADE DB_CASCADE DB_SET_DEFAULT DB_SET_NULL DO_NOTHING PROTECT RESTRICT SET SET_DEFAULT SET_NULL",
    "enums": "Choices IntegerChoices TextChoices",
    "expressions.aggregates": (
        "Aggregate AnyValue Avg BitAnd BitOr BitXor Count Max Min StdDev StringAgg Sum Variance"
    ),
    "expressions.base": "Expression",
    "expressions.conditional": "Case When",
    "expressions.func": "ExpressionWrapper Func Transform",
    "expressions.functions": "JSONNull",
    "expressions.names": "F FieldRef OuterRef",
    "expressions.ordering": "OrderBy",
    "expressions.q": "Q",
    "expressions.relations": "FilteredRelation",
    "expressions.subqueries": "Exists Subquery",
    "expressions.values": "RawSQL Value",
    "expressions.windows": "RowRange ValueRange Window WindowFrame WindowFrameExclusion",
    "fields.auto": "AutoField BigAutoField SmallAutoField",
    "fields.base": "Field",
    "fields.composite": "CompositePrimaryKey",
    "fields.fieldfile": "FieldFile",
    "fields.files": "FileField",
    "fields.generated": "GeneratedField",
    "fields.numbers": (
        "BigIntegerField BooleanField DecimalField FloatField IntegerField PositiveBigIntegerField "
        "PositiveIntegerField PositiveSmallIntegerField SmallIntegerField"
    ),
    "fields.options": "NOT_PROVIDED",
    "fields.others": "BinaryField GenericIPAddressField JSONField UUIDField",
    "fields.text": (
        "CharField CommaSeparatedIntegerField EmailField FilePathField SlugField TextField URLField"
    ),
    "fields.times": "DateField DateTimeField DurationField TimeField",
    "fields.version": "VersionField",
    "indexes": "Index",
    "lookups.base": "Lookup",
    "query.manager": "Manager",
    "query.prefetching": "GenericPrefetch Prefetch prefetch_related_objects",
    "query.queryset": "QuerySet",
    "registry": "Registry",
    "relations.foreign": "ForeignKey",
    "relations.many": "ManyToManyField",
    "relations.one": "OneToOneField",
    "relations.rels": "ForeignObjectRel ManyToManyRel ManyToOneRel OneToOneRel",
    "sql.ctes": "CteColumn",
}
_SUBMODULES = ("deletion", "functions", "postgresql", "signals", "validators")
__getattr__, __dir__ = lazy_names(__name__, _ROOMS, _SUBMODULES)
