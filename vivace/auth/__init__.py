"""Users, sessions, passwords and permissions. Each name is imported from its module when it is first asked for.

``App(installed=["vivace.auth"])`` installs it all; ``App(installed=[Auth(user=Account)])`` with options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.errors.nearest import lazy_names

if TYPE_CHECKING:
    from .anonymous import AnonymousUser as AnonymousUser
    from .authentication import authenticate as authenticate
    from .authentication import login as login
    from .authentication import logout as logout
    from .authentication import save_session as save_session
    from .authentication import update_session_auth_hash as update_session_auth_hash
    from .backends import Backend as Backend
    from .backends import ModelBackend as ModelBackend
    from .backends import RemoteUser as RemoteUser
    from .current import current_realm as current_realm
    from .current import get_user_model as get_user_model
    from .guards import login_not_required as login_not_required
    from .guards import login_required as login_required
    from .guards import permission_required as permission_required
    from .guards import signed_in as signed_in
    from .guards import user_passes_test as user_passes_test
    from .installing import Auth as Auth
    from .installing import AuthOptions as AuthOptions
    from .mixins import AccessMixin as AccessMixin
    from .mixins import LoginRequiredMixin as LoginRequiredMixin
    from .mixins import PermissionRequiredMixin as PermissionRequiredMixin
    from .mixins import UserPassesTestMixin as UserPassesTestMixin
    from .models import ContentType as ContentType
    from .models import Group as Group
    from .models import Permission as Permission
    from .passwords.rules import MinimumLength as MinimumLength
    from .passwords.rules import NotCommon as NotCommon
    from .passwords.rules import NotNumeric as NotNumeric
    from .passwords.rules import NotSimilar as NotSimilar
    from .passwords.rules import password_help_texts as password_help_texts
    from .passwords.rules import validate_password as validate_password
    from .policies import Policy as Policy
    from .policies import authorize as authorize
    from .policies import can as can
    from .seeding import create_permissions as create_permissions
    from .sessions.devices import Device as Device
    from .sessions.devices import clear_expired as clear_expired
    from .sessions.devices import devices as devices
    from .sessions.devices import revoke_other_sessions as revoke_other_sessions
    from .sessions.devices import revoke_session as revoke_session
    from .sessions.session import Session as Session
    from .signals import user_logged_in as user_logged_in
    from .signals import user_logged_out as user_logged_out
    from .signals import user_login_failed as user_login_failed
    from .user import StoredSession as StoredSession
    from .user import User as User
    from .users import AbstractBaseUser as AbstractBaseUser
    from .users import AbstractUser as AbstractUser
    from .users import BaseUserManager as BaseUserManager
    from .users import PermissionsMixin as PermissionsMixin
    from .users import UserManager as UserManager

_ROOMS = {
    "anonymous": "AnonymousUser",
    "authentication": "authenticate login logout save_session update_session_auth_hash",
    "backends": "Backend ModelBackend RemoteUser",
    "current": "current_realm get_user_model",
    "installing": "Auth AuthOptions plugin",
    "guards": "login_not_required login_required permission_required signed_in user_passes_test",
    "mixins": "AccessMixin LoginRequiredMixin PermissionRequiredMixin UserPassesTestMixin",
    "models": "ContentType Group Permission",
    "passwords.rules": (
        "MinimumLength NotCommon NotNumeric NotSimilar password_help_texts validate_password"
    ),
    "policies": "Policy authorize can",
    "seeding": "create_permissions",
    "sessions.devices": "Device clear_expired devices revoke_other_sessions revoke_session",
    "sessions.session": "Session",
    "signals": "user_logged_in user_logged_out user_login_failed",
    "user": "StoredSession User",
    "users": "AbstractBaseUser AbstractUser BaseUserManager PermissionsMixin UserManager",
}
__getattr__, __dir__ = lazy_names(__name__, _ROOMS)
