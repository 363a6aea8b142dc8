"""The operations of which migrations are made."""

from __future__ import annotations

from .base import Operation as Operation
from .base import OperationCategory as OperationCategory
from .base import Scope as Scope
from .existing import DeleteModel as DeleteModel
from .existing import RenameModel as RenameModel
from .extensions import BloomExtension as BloomExtension
from .extensions import BtreeGinExtension as BtreeGinExtension
from .extensions import BtreeGistExtension as BtreeGistExtension
from .extensions import CITextExtension as CITextExtension
from .extensions import CreateCollation as CreateCollation
from .extensions import CreateExtension as CreateExtension
from .extensions import CryptoExtension as CryptoExtension
from .extensions import HStoreExtension as HStoreExtension
from .extensions import RemoveCollation as RemoveCollation
from .extensions import TrigramExtension as TrigramExtension
from .extensions import UnaccentExtension as UnaccentExtension
from .fields import AddField as AddField
from .fields import AlterField as AlterField
from .fields import RemoveField as RemoveField
from .fields import RenameField as RenameField
from .indexes import AddConstraint as AddConstraint
from .indexes import AddIndex as AddIndex
from .indexes import AlterConstraint as AlterConstraint
from .indexes import RemoveConstraint as RemoveConstraint
from .indexes import RemoveIndex as RemoveIndex
from .indexes import RenameIndex as RenameIndex
from .models import CreateModel as CreateModel
from .options import AlterModelManagers as AlterModelManagers
from .options import AlterModelOptions as AlterModelOptions
from .options import AlterModelTable as AlterModelTable
from .options import AlterModelTableComment as AlterModelTableComment
from .options import AlterOrderWithRespectTo as AlterOrderWithRespectTo
from .options import AlterUniqueTogether as AlterUniqueTogether
from .postgresql import AddConstraintNotValid as AddConstraintNotValid
from .postgresql import AddIndexConcurrently as AddIndexConcurrently
from .postgresql import RemoveIndexConcurrently as RemoveIndexConcurrently
from .postgresql import ValidateConstraint as ValidateConstraint
from .special import RunPython as RunPython
from .special import RunSQL as RunSQL
from .special import SeparateDatabaseAndState as SeparateDatabaseAndState
