"""Moving the slots of a lifted tree by a number: where two steps become one."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from vivace.models.expressions.base import Expression
from vivace.models.expressions.subqueries import Subquery
from vivace.models.expressions.values import Slot
from vivace.models.sql.refs import ConditionTree
from vivace.models.sql.trees import Branch, Compare, Fixed, Scope, Tree, Truth


def shifted(tree: Tree, by: int) -> Tree:
    """Return a tree of conditions whose slots count from ``by``."""
    if not by or isinstance(tree, Fixed):
        return tree
    if isinstance(tree, Branch):
        return Branch(tree.connector, tuple(shifted(child, by) for child in tree.children), tree.negated)
    if isinstance(tree, Scope):
        return Scope(shifted(tree.tree, by), tree.shares)
    if isinstance(tree, Truth):
        return Truth(moved(tree.expression, by))
    right: Any = tree.right
    if isinstance(right, tuple):
        right = tuple(moved(each, by) for each in cast("tuple[Expression, ...]", right))
    elif isinstance(right, Expression):
        right = moved(right, by)
    return Compare(tree.path, moved(tree.left, by), tree.lookup, right)


def moved(node: Expression, by: int) -> Expression:
    """Return a lifted expression whose slots count from ``by``."""
    if isinstance(node, Slot):
        return node.but(index=node.index + by)
    if isinstance(node, Subquery):
        return node.but(query=msgspec.structs.replace(node.query, base=node.query.base + by))
    if isinstance(node, ConditionTree):
        return ConditionTree(shifted(node.tree, by))
    return node.map(lambda child: moved(child, by))


__all__ = ["moved", "shifted"]
