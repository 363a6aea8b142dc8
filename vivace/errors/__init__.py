"""Every error Vivace raises, each with a stable code, an HTTP status and a three-part message.

Those of databases and models are imported when first asked for: a service without a database never loads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import VivaceError as VivaceError
from .crypto import BadSignature as BadSignature
from .crypto import InvalidKey as InvalidKey
from .crypto import SecretExposed as SecretExposed
from .crypto import SignatureExpired as SignatureExpired
from .findings import Finding as Finding
from .http import AgentRefused as AgentRefused
from .http import BadRequest as BadRequest
from .http import Conflict as Conflict
from .http import ContentTooLarge as ContentTooLarge
from .http import CrossOriginRefused as CrossOriginRefused
from .http import CSRFTokenRefused as CSRFTokenRefused
from .http import DeadlineExceeded as DeadlineExceeded
from .http import ExpectationFailed as ExpectationFailed
from .http import Forbidden as Forbidden
from .http import FormFieldMissing as FormFieldMissing
from .http import HeadersTooLarge as HeadersTooLarge
from .http import HTTPError as HTTPError
from .http import HTTPSRequired as HTTPSRequired
from .http import MethodNotAllowed as MethodNotAllowed
from .http import MisdirectedRequest as MisdirectedRequest
from .http import NotAcceptable as NotAcceptable
from .http import NotFound as NotFound
from .http import PoolFull as PoolFull
from .http import PreconditionFailed as PreconditionFailed
from .http import Problem as Problem
from .http import RangeNotSatisfiable as RangeNotSatisfiable
from .http import RateLimited as RateLimited
from .http import RequestTimeout as RequestTimeout
from .http import ServerError as ServerError
from .http import ServiceUnavailable as ServiceUnavailable
from .http import TooManyRequests as TooManyRequests
from .http import Unauthorized as Unauthorized
from .http import UnsupportedMediaType as UnsupportedMediaType
from .http import UpgradeRequired as UpgradeRequired
from .http import URITooLong as URITooLong
from .http import ValidationFailed as ValidationFailed
from .nearest import lazy_names
from .nearest import nearest as nearest
from .routing import BadPattern as BadPattern
from .routing import MovedPermanently as MovedPermanently
from .routing import RouterFrozen as RouterFrozen
from .routing import UnknownRoute as UnknownRoute
from .routing import WrongRouteParameters as WrongRouteParameters
from .setup import AppFrozen as AppFrozen
from .setup import AppInvalid as AppInvalid
from .setup import AppNotRunning as AppNotRunning
from .setup import ConfigurationError as ConfigurationError
from .setup import ListenError as ListenError
from .setup import NoCurrentApp as NoCurrentApp
from .setup import PluginError as PluginError
from .setup import SettingsInvalid as SettingsInvalid
from .setup import StartupFailed as StartupFailed
from .setup import TargetError as TargetError
from .setup import TLSError as TLSError
from .usage import BlockingCall as BlockingCall
from .usage import BodyConsumed as BodyConsumed
from .usage import ClientDisconnected as ClientDisconnected
from .usage import InvalidCookie as InvalidCookie
from .usage import InvalidDirective as InvalidDirective
from .usage import InvalidEvent as InvalidEvent
from .usage import InvalidHeader as InvalidHeader
from .usage import InvalidStatus as InvalidStatus
from .usage import MissingExtra as MissingExtra
from .usage import NestedOffload as NestedOffload
from .usage import OffloadFailed as OffloadFailed
from .usage import ResponseStarted as ResponseStarted
from .usage import UnsafeRedirect as UnsafeRedirect
from .usage import WebSocketDisconnect as WebSocketDisconnect
from .usage import WebSocketState as WebSocketState
from .usage import WrongResult as WrongResult
from .websocket import BadMessage as BadMessage
from .websocket import UnsendableMessage as UnsendableMessage
from .websocket import WebSocketProtocolError as WebSocketProtocolError

if TYPE_CHECKING:
    from .auth import LoginRequired as LoginRequired
    from .auth import LoginThrottled as LoginThrottled
    from .auth import NoCurrentAuth as NoCurrentAuth
    from .auth import NoSiteURL as NoSiteURL
    from .auth import NotAwaited as NotAwaited
    from .auth import PartMissing as PartMissing
    from .auth import PermissionDenied as PermissionDenied
    from .auth import SessionClosed as SessionClosed
    from .cache import CacheKeyError as CacheKeyError
    from .cache import CacheURLInvalid as CacheURLInvalid
    from .cache import CacheValueError as CacheValueError
    from .cache import UnknownCache as UnknownCache
    from .database import CheckViolation as CheckViolation
    from .database import CommitUnknown as CommitUnknown
    from .database import DatabaseError as DatabaseError
    from .database import DatabaseFull as DatabaseFull
    from .database import DatabaseUnavailable as DatabaseUnavailable
    from .database import DatabaseURLInvalid as DatabaseURLInvalid
    from .database import DataError as DataError
    from .database import ExclusionViolation as ExclusionViolation
    from .database import ForeignKeyViolation as ForeignKeyViolation
    from .database import IntegrityError as IntegrityError
    from .database import LockTimeout as LockTimeout
    from .database import NotNullViolation as NotNullViolation
    from .database import PoolerDetected as PoolerDetected
    from .database import PoolTimeout as PoolTimeout
    from .database import ProgrammingError as ProgrammingError
    from .database import ReadOnlyDatabase as ReadOnlyDatabase
    from .database import SerializationFailure as SerializationFailure
    from .database import StatementTimeout as StatementTimeout
    from .database import TransactionError as TransactionError
    from .database import TransactionTimeout as TransactionTimeout
    from .database import UniqueViolation as UniqueViolation
    from .database import UnknownDatabase as UnknownDatabase
    from .files import NoFile as NoFile
    from .files import StorageUnsupported as StorageUnsupported
    from .files import StoredFileMissing as StoredFileMissing
    from .files import SuspiciousFileName as SuspiciousFileName
    from .files import UnknownStorage as UnknownStorage
    from .forms import FormError as FormError
    from .forms import FormNotValidated as FormNotValidated
    from .forms import UnknownFormField as UnknownFormField
    from .live import AskFailed as AskFailed
    from .live import BadEventHandler as BadEventHandler
    from .live import BrokerError as BrokerError
    from .live import BrokerMessageTooLarge as BrokerMessageTooLarge
    from .live import BrokerRefused as BrokerRefused
    from .live import BrokerUnavailable as BrokerUnavailable
    from .live import ChannelClosed as ChannelClosed
    from .live import EventRefused as EventRefused
    from .live import LockLost as LockLost
    from .live import PersonalRead as PersonalRead
    from .live import RoomRefused as RoomRefused
    from .live import UnknownRoom as UnknownRoom
    from .live import UnsendableEvent as UnsendableEvent
    from .live import ValkeyError as ValkeyError
    from .live import ValkeyUnavailable as ValkeyUnavailable
    from .live import ValkeyURLInvalid as ValkeyURLInvalid
    from .live import WriteInLiveRender as WriteInLiveRender
    from .mail import InvalidMail as InvalidMail
    from .mail import MailNotSent as MailNotSent
    from .mail import MailURLInvalid as MailURLInvalid
    from .migrations import BadMigration as BadMigration
    from .migrations import InconsistentHistory as InconsistentHistory
    from .migrations import IrreversibleMigration as IrreversibleMigration
    from .migrations import MigrationConflict as MigrationConflict
    from .migrations import MigrationError as MigrationError
    from .migrations import MigrationGraphError as MigrationGraphError
    from .migrations import MigrationLocked as MigrationLocked
    from .migrations import QuestionUnanswered as QuestionUnanswered
    from .migrations import StateError as StateError
    from .migrations import TablesDiffer as TablesDiffer
    from .migrations import UnknownMigration as UnknownMigration
    from .migrations import UnsafeMigration as UnsafeMigration
    from .migrations import UnserializableValue as UnserializableValue
    from .models import FieldDoesNotExist as FieldDoesNotExist
    from .models import FieldError as FieldError
    from .models import FixtureError as FixtureError
    from .models import InvalidCursor as InvalidCursor
    from .models import InvalidPage as InvalidPage
    from .models import InvalidValue as InvalidValue
    from .models import ModelError as ModelError
    from .models import MultipleObjectsReturned as MultipleObjectsReturned
    from .models import NotLoaded as NotLoaded
    from .models import ObjectDoesNotExist as ObjectDoesNotExist
    from .models import ProtectedError as ProtectedError
    from .models import QueryBudgetExceeded as QueryBudgetExceeded
    from .models import QueryError as QueryError
    from .models import RestrictedError as RestrictedError
    from .models import StaleObject as StaleObject
    from .models import UnboundedResult as UnboundedResult
    from .models import UnexpectedArgument as UnexpectedArgument
    from .models import UnknownAttribute as UnknownAttribute
    from .models import UnknownModel as UnknownModel
    from .models import ValidationError as ValidationError
    from .pages import InvalidFormat as InvalidFormat
    from .pages import NoTemplates as NoTemplates
    from .pages import NotInRender as NotInRender
    from .pages import NotProvided as NotProvided
    from .pages import TemplateAccessRefused as TemplateAccessRefused
    from .pages import TemplateError as TemplateError
    from .pages import TemplateNotFound as TemplateNotFound
    from .pages import TemplateSyntaxInvalid as TemplateSyntaxInvalid
    from .pages import UndefinedName as UndefinedName
    from .pages import UnknownStatic as UnknownStatic
    from .pages import UnsafeOutput as UnsafeOutput
    from .scaffold import FieldSpecInvalid as FieldSpecInvalid
    from .scaffold import NameRefused as NameRefused
    from .scaffold import NoProject as NoProject
    from .scaffold import WouldOverwrite as WouldOverwrite
    from .views import BadFlash as BadFlash
    from .views import BadView as BadView

_LATER = {
    "auth": (
        "LoginRequired LoginThrottled NoCurrentAuth NoSiteURL NotAwaited PartMissing PermissionDenied "
        "SessionClosed "
    ),
    "cache": "CacheKeyError CacheURLInvalid CacheValueError UnknownCache",
    "database": (
        "CheckViolation CommitUnknown DataError DatabaseError DatabaseFull DatabaseURLInvalid "
        "DatabaseUnavailable ExclusionViolation ForeignKeyViolation IntegrityError LockTimeout "
        "NotNullViolation PoolTimeout PoolerDetected ProgrammingError ReadOnlyDatabase SerializationFailure "
        "StatementTimeout TransactionError TransactionTimeout UniqueViolation UnknownDatabase "
    ),
    "live": "PersonalRead WriteInLiveRender AskFailed BadEventHandler ChannelClosed EventRefused RoomRefused UnknownRoom UnsendableEvent BrokerError BrokerMessageTooLarge BrokerRefused BrokerUnavailable LockLost ValkeyError ValkeyUnavailable ValkeyURLInvalid ",
    "mail": "InvalidMail MailNotSent MailURLInvalid ",
    "files": "NoFile StorageUnsupported StoredFileMissing SuspiciousFileName UnknownStorage",
    "forms": "FormError FormNotValidated UnknownFormField ",
    "migrations": (
        "BadMigration InconsistentHistory IrreversibleMigration MigrationConflict MigrationError "
        "MigrationGraphError MigrationLocked QuestionUnanswered StateError TablesDiffer UnknownMigration UnsafeMigration "
        "UnserializableValue "
    ),
    "models": (
        "FixtureError InvalidCursor InvalidPage "
        "FieldDoesNotExist FieldError InvalidValue ModelError MultipleObjectsReturned NotLoaded "
        "ObjectDoesNotExist ProtectedError QueryBudgetExceeded QueryError RestrictedError StaleObject "
        "UnboundedResult UnexpectedArgument UnknownAttribute UnknownModel ValidationError "
    ),
    "scaffold": "FieldSpecInvalid NameRefused NoProject WouldOverwrite",
    "views": "BadFlash BadView",
    "pages": (
        "NoTemplates NotInRender NotProvided TemplateAccessRefused TemplateError TemplateNotFound UnsafeOutput "
        "InvalidFormat TemplateSyntaxInvalid UndefinedName UnknownStatic "
    ),
}
__getattr__, __dir__ = lazy_names(__name__, _LATER)
