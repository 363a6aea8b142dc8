"""Every error Vivace raises, each with a stable code, an HTTP status and a three-part message."""

from __future__ import annotations

from .base import VivaceError as VivaceError
from .http import BadRequest as BadRequest
from .http import Conflict as Conflict
from .http import ContentTooLarge as ContentTooLarge
from .http import Forbidden as Forbidden
from .http import GatewayTimeout as GatewayTimeout
from .http import HeadersTooLarge as HeadersTooLarge
from .http import HTTPError as HTTPError
from .http import MethodNotAllowed as MethodNotAllowed
from .http import MisdirectedRequest as MisdirectedRequest
from .http import NotAcceptable as NotAcceptable
from .http import NotFound as NotFound
from .http import PreconditionFailed as PreconditionFailed
from .http import Problem as Problem
from .http import RangeNotSatisfiable as RangeNotSatisfiable
from .http import RequestTimeout as RequestTimeout
from .http import ServerError as ServerError
from .http import ServiceUnavailable as ServiceUnavailable
from .http import TooManyRequests as TooManyRequests
from .http import Unauthorized as Unauthorized
from .http import UnsupportedMediaType as UnsupportedMediaType
from .http import URITooLong as URITooLong
from .http import ValidationFailed as ValidationFailed
from .nearest import nearest as nearest
from .usage import BodyConsumed as BodyConsumed
from .usage import ClientDisconnected as ClientDisconnected
from .usage import InvalidHeader as InvalidHeader
from .usage import WebSocketState as WebSocketState
from .usage import WrongResult as WrongResult
