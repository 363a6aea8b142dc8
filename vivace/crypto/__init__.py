"""Signing and encryption with key rotation, secrets that never print, constant-time comparison."""

from __future__ import annotations

from vivace.config.secret import Secret as Secret

from .compare import constant_time_compare as constant_time_compare
from .encryption import Encryptor as Encryptor
from .random import random_string as random_string
from .signing import Signer as Signer
