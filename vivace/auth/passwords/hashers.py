"""One class for each way in which passwords are stored, in Django's notation: ``algorithm$…``.

The first of a ``Passwords`` makes new hashes, all of them verify. So a Django project's users log in with what is in their
table, get a new hash at that moment, and Django can still read it (a way back).

| stored as | made by | verified with |
|---|---|---|
| ``argon2$argon2id$v=19$m=…,t=…,p=…$…`` | ``Argon2`` (argon2-cffi) | the parameters that it names |
| ``scrypt$n$salt$r$p$…`` | ``Scrypt`` (standard library) | " |
| ``pbkdf2_sha256$n$salt$…``, ``pbkdf2_sha1$…`` | ``PBKDF2`` | " |
| ``bcrypt_sha256$$2b$…``, ``bcrypt$$2b$…`` | ``Bcrypt``, where the package ``bcrypt`` is installed | " |
| ``!`` and anything | nobody: there is no password | never |

What costs nothing to break (``md5``, ``sha1``, ``crypt``) is not read at all: such users reset their passwords.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from vivace.crypto.compare import constant_time_compare
from vivace.crypto.random import random_string
from vivace.errors import MissingExtra

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SALT_LENGTH: Final = 22  # letters and digits: 131 bits; RFC 9106 section 3.1 recommends 128


class Hasher(Protocol):
    """Makes and verifies hashes; each method blocks for as long as the hash is meant to cost.

    ``algorithms``: what stands before the first ``$`` of hashes that it reads.
    """

    algorithms: ClassVar[tuple[str, ...]]

    def encode(self, password: str) -> str:
        """Return a new hash."""
        ...

    def verify(self, password: str, encoded: str) -> bool:
        """Say whether the hash was made of this password; raises ``ValueError`` where it is malformed."""
        ...

    def outdated(self, encoded: str) -> bool:
        """Say whether a hash was made with other parameters than new ones are."""
        ...


class Argon2:
    """Argon2id (RFC 9106). ``memory`` is bytes for each hash that is being made."""

    algorithms: ClassVar[tuple[str, ...]] = ("argon2",)
    __slots__ = ("_hasher",)

    def __init__(self, memory: int, passes: int, lanes: int) -> None:
        from argon2 import PasswordHasher  # not before there are passwords

        self._hasher: PasswordHasher = PasswordHasher(
            time_cost=passes, memory_cost=max(memory // 1024, 8 * lanes), parallelism=lanes
        )

    def encode(self, password: str) -> str:
        """Return a new hash."""
        return "argon2" + self._hasher.hash(password)

    def verify(self, password: str, encoded: str) -> bool:
        """Say whether the hash was made of this password; raises ``ValueError`` where it is malformed."""
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return self._hasher.verify(encoded.removeprefix("argon2"), password)
        except InvalidHashError as error:
            raise ValueError("not an Argon2 hash") from error
        except VerificationError:
            return False

    def outdated(self, encoded: str) -> bool:
        """Say whether a hash was made with other parameters than new ones are."""
        return self._hasher.check_needs_rehash(encoded.removeprefix("argon2"))


class Scrypt:
    """scrypt (RFC 7914): what is used where argon2-cffi cannot be imported."""

    algorithms: ClassVar[tuple[str, ...]] = ("scrypt",)
    __slots__ = ("lanes", "size", "work")

    def __init__(self, work: int = 2**16, size: int = 8, lanes: int = 2) -> None:
        self.work, self.size, self.lanes = (
            work,
            size,
            lanes,
        )  # 64 MiB; OWASP's cheat sheet lists it as the equal

    def encode(self, password: str) -> str:
        """Return a new hash."""
        return self._encoded(password, random_string(SALT_LENGTH), self.work, self.size, self.lanes)

    def verify(self, password: str, encoded: str) -> bool:
        """Say whether the hash was made of this password; raises ``ValueError`` where it is malformed."""
        _, work, salt, size, lanes, _ = encoded.split("$")
        return constant_time_compare(self._encoded(password, salt, int(work), int(size), int(lanes)), encoded)

    def outdated(self, encoded: str) -> bool:
        """Say whether a hash was made with other parameters than new ones are."""
        _, work, _, size, lanes, _ = encoded.split("$")
        return (int(work), int(size), int(lanes)) != (self.work, self.size, self.lanes)

    @staticmethod
    def _encoded(password: str, salt: str, work: int, size: int, lanes: int) -> str:
        memory = (
            128 * size * (work + lanes + 2)
        )  # what RFC 7914 section 5 and 6 allocate; OpenSSL wants to know
        made = hashlib.scrypt(
            password.encode(), salt=salt.encode(), n=work, r=size, p=lanes, maxmem=memory, dklen=64
        )
        return f"scrypt${work}${salt}${size}${lanes}${base64.b64encode(made).decode()}"


class PBKDF2:
    """PBKDF2 (RFC 8018): what Django makes unless told otherwise. It is read here, and replaced at the next login."""

    algorithms: ClassVar[tuple[str, ...]] = ("pbkdf2_sha256", "pbkdf2_sha1")
    __slots__ = ("passes",)

    def __init__(self, passes: int = 1_500_000) -> None:
        self.passes = passes  # Django 6.1's number

    def encode(self, password: str) -> str:
        """Return a new hash."""
        return self._encoded("pbkdf2_sha256", password, random_string(SALT_LENGTH), self.passes)

    def verify(self, password: str, encoded: str) -> bool:
        """Say whether the hash was made of this password; raises ``ValueError`` where it is malformed."""
        algorithm, passes, salt, _ = encoded.split("$")
        return constant_time_compare(self._encoded(algorithm, password, salt, int(passes)), encoded)

    def outdated(self, encoded: str) -> bool:
        """Say whether a hash was made with other parameters than new ones are."""
        algorithm, passes, _, _ = encoded.split("$")
        return algorithm != "pbkdf2_sha256" or int(passes) != self.passes

    @staticmethod
    def _encoded(algorithm: str, password: str, salt: str, passes: int) -> str:
        made = hashlib.pbkdf2_hmac(
            algorithm.removeprefix("pbkdf2_"), password.encode(), salt.encode(), passes
        )
        return f"{algorithm}${passes}${salt}${base64.b64encode(made).decode()}"


class Bcrypt:
    """bcrypt, as Django stores it: of the password's SHA-256, or of its first 72 bytes. Read only."""

    algorithms: ClassVar[tuple[str, ...]] = ("bcrypt_sha256", "bcrypt")
    __slots__ = ()

    def encode(self, password: str) -> str:
        """Refuse: new passwords are not stored this way."""
        raise MissingExtra(
            "bcrypt hashes are read, and no new ones are made.", fix="Put Argon2 first among the hashers."
        )

    def verify(self, password: str, encoded: str) -> bool:
        """Say whether the hash was made of this password; raises ``MissingExtra`` without the package ``bcrypt``."""
        try:
            checkpw: Any = importlib.import_module("bcrypt").checkpw
        except ImportError:
            raise MissingExtra(
                "A stored password was made with bcrypt, and the package `bcrypt` is not installed.",
                fix="pip install bcrypt, until everybody has logged in once.",
            ) from None
        algorithm, _, stored = encoded.partition("$")
        raw = password.encode()
        given = hashlib.sha256(raw).hexdigest().encode() if algorithm == "bcrypt_sha256" else raw[:72]
        return bool(checkpw(given, stored.encode()))

    def outdated(self, encoded: str) -> bool:
        """Say that it is: new passwords are stored another way."""
        return True


def best_hasher(memory: int, passes: int, lanes: int) -> Hasher:
    """Return Argon2id with these parameters, or scrypt where argon2-cffi cannot be imported."""
    try:
        return Argon2(memory, passes, lanes)
    except ImportError:
        return Scrypt()


__all__ = ["PBKDF2", "Argon2", "Bcrypt", "Hasher", "Scrypt", "best_hasher"]
