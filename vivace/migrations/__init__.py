"""Migrations: a project's schema, step by step, in files that read like Django's.

A migration file says ``from vivace import migrations, models`` and has ``class Migration(migrations.Migration)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.errors.nearest import lazy_names

if TYPE_CHECKING:
    from .batches import batched as batched
    from .migration import Migration as Migration
    from .migration import swappable_dependency as swappable_dependency
    from .operations import AddConstraint as AddConstraint
    from .operations import AddConstraintNotValid as AddConstraintNotValid
    from .operations import AddField as AddField
    from .operations import AddIndex as AddIndex
    from .operations import AddIndexConcurrently as AddIndexConcurrently
    from .operations import AlterConstraint as AlterConstraint
    from .operations import AlterField as AlterField
    from .operations import AlterModelManagers as AlterModelManagers
    from .operations import AlterModelOptions as AlterModelOptions
    from .operations import AlterModelTable as AlterModelTable
    from .operations import AlterModelTableComment as AlterModelTableComment
    from .operations import AlterOrderWithRespectTo as AlterOrderWithRespectTo
    from .operations import AlterUniqueTogether as AlterUniqueTogether
    from .operations import BloomExtension as BloomExtension
    from .operations import BtreeGinExtension as BtreeGinExtension
    from .operations import BtreeGistExtension as BtreeGistExtension
    from .operations import CITextExtension as CITextExtension
    from .operations import CreateCollation as CreateCollation
    from .operations import CreateExtension as CreateExtension
    from .operations import CreateModel as CreateModel
    from .operations import CryptoExtension as CryptoExtension
    from .operations import DeleteModel as DeleteModel
    from .operations import HStoreExtension as HStoreExtension
    from .operations import Operation as Operation
    from .operations import OperationCategory as OperationCategory
    from .operations import RemoveCollation as RemoveCollation
    from .operations import RemoveConstraint as RemoveConstraint
    from .operations import RemoveField as RemoveField
    from .operations import RemoveIndex as RemoveIndex
    from .operations import RemoveIndexConcurrently as RemoveIndexConcurrently
    from .operations import RenameField as RenameField
    from .operations import RenameIndex as RenameIndex
    from .operations import RenameModel as RenameModel
    from .operations import RunPython as RunPython
    from .operations import RunSQL as RunSQL
    from .operations import SeparateDatabaseAndState as SeparateDatabaseAndState
    from .operations import TrigramExtension as TrigramExtension
    from .operations import UnaccentExtension as UnaccentExtension
    from .operations import ValidateConstraint as ValidateConstraint

_ROOMS = {
    "batches": "batched",
    "migration": "Migration swappable_dependency",
    "operations": (
        "AddConstraint AddConstraintNotValid AddField AddIndex AddIndexConcurrently AlterConstraint "
        "AlterField AlterModelManagers AlterModelOptions AlterModelTable AlterModelTableComment "
        "AlterOrderWithRespectTo AlterUniqueTogether BloomExtension BtreeGinExtension BtreeGistExtension "
        "CITextExtension CreateCollation CreateExtension CreateModel CryptoExtension DeleteModel "
        "HStoreExtension Operation OperationCategory RemoveCollation RemoveConstraint RemoveField RemoveIndex "
        "RemoveIndexConcurrently RenameField RenameIndex RenameModel RunPython RunSQL "
        "SeparateDatabaseAndState TrigramExtension UnaccentExtension ValidateConstraint"
    ),
}
__getattr__, __dir__ = lazy_names(__name__, _ROOMS)
