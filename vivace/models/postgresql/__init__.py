"""What only PostgreSQL has: arrays, hstore and ranges, aggregates, full-text search, index types.

The names are those of ``django.contrib.postgres``. Nothing of it is loaded unless it is imported; importing it makes
``search``, ``trigram_similar``, ``unaccent`` and ``contained_by`` lookups of the ordinary fields, too.
"""

from __future__ import annotations

from .aggregates import ArrayAgg as ArrayAgg
from .aggregates import BitAnd as BitAnd
from .aggregates import BitOr as BitOr
from .aggregates import BitXor as BitXor
from .aggregates import BoolAnd as BoolAnd
from .aggregates import BoolOr as BoolOr
from .aggregates import Corr as Corr
from .aggregates import CovarPop as CovarPop
from .aggregates import JSONBAgg as JSONBAgg
from .aggregates import RegrAvgX as RegrAvgX
from .aggregates import RegrAvgY as RegrAvgY
from .aggregates import RegrCount as RegrCount
from .aggregates import RegrIntercept as RegrIntercept
from .aggregates import RegrR2 as RegrR2
from .aggregates import RegrSlope as RegrSlope
from .aggregates import RegrSXX as RegrSXX
from .aggregates import RegrSXY as RegrSXY
from .aggregates import RegrSYY as RegrSYY
from .aggregates import StringAgg as StringAgg
from .arrays import ArrayField as ArrayField
from .constraints import ExclusionConstraint as ExclusionConstraint
from .expressions import ArraySubquery as ArraySubquery
from .expressions import RandomUUID as RandomUUID
from .expressions import TransactionNow as TransactionNow
from .hstore import HStoreField as HStoreField
from .indexes import BloomIndex as BloomIndex
from .indexes import BrinIndex as BrinIndex
from .indexes import BTreeIndex as BTreeIndex
from .indexes import GinIndex as GinIndex
from .indexes import GistIndex as GistIndex
from .indexes import HashIndex as HashIndex
from .indexes import OpClass as OpClass
from .indexes import SpGistIndex as SpGistIndex
from .rangefields import BigIntegerRangeField as BigIntegerRangeField
from .rangefields import DateRangeField as DateRangeField
from .rangefields import DateTimeRangeField as DateTimeRangeField
from .rangefields import DecimalRangeField as DecimalRangeField
from .rangefields import IntegerRangeField as IntegerRangeField
from .rangelookups import RangeBoundary as RangeBoundary
from .rangelookups import RangeOperators as RangeOperators
from .ranges import Range as Range
from .search import SearchHeadline as SearchHeadline
from .search import SearchQuery as SearchQuery
from .search import SearchQueryField as SearchQueryField
from .search import SearchRank as SearchRank
from .search import SearchVector as SearchVector
from .search import SearchVectorField as SearchVectorField
from .similar import TrigramDistance as TrigramDistance
from .similar import TrigramSimilarity as TrigramSimilarity
from .similar import TrigramStrictWordDistance as TrigramStrictWordDistance
from .similar import TrigramStrictWordSimilarity as TrigramStrictWordSimilarity
from .similar import TrigramWordDistance as TrigramWordDistance
from .similar import TrigramWordSimilarity as TrigramWordSimilarity
from .similar import Unaccent as Unaccent
