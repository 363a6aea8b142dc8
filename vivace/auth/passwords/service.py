"""Hashing off the loop: a few threads, a short queue, and the same work whoever asks.

A hash takes tens of milliseconds and tens of megabytes, by design. So

- it never runs on the loop, and never in the app's own threads, which handlers need;
- at most ``threads`` run at once (that times the memory of one hash is what logins can cost), ``queue`` more wait, and
  what comes beyond is answered 503: a flood of logins ends in refusals, not in the kernel's memory killer;
- a check against nobody's password costs exactly as many hashes as one against somebody's (``spend``), so that the time
  does not tell who has an account. ``hashes`` counts them: the test compares counts, since times are noise.

A caller who leaves (a client that hangs up, a deadline) stops waiting; its hash runs to the end and frees its thread then.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from vivace.crypto.random import random_string
from vivace.engine.offload import Pool
from vivace.errors import ValidationError, VivaceError

from .hashers import PBKDF2, Bcrypt, Hasher, Scrypt

UNUSABLE: Final = "!"
MAX_LENGTH: Final = 4_096  # characters of a password that anybody types; Django's limit for all algorithms
logger: Final = logging.getLogger("vivace.auth")


class Verdict(msgspec.Struct, frozen=True):
    """Whether a password was right, and whether its hash should be made anew."""

    right: bool
    outdated: bool = False


WRONG: Final = Verdict(False)


class Passwords:
    """Makes and verifies the stored form of passwords; ``preferred`` makes new ones, ``others`` only verify."""

    def __init__(
        self,
        preferred: Hasher,
        others: Sequence[Hasher] | None = None,
        *,
        threads: int = 2,
        queue: int = 32,
    ) -> None:
        self.preferred = preferred
        known = [*(others if others is not None else (Scrypt(), PBKDF2(), Bcrypt())), preferred]
        self._by_name = {name: hasher for hasher in known for name in hasher.algorithms}
        self.pool = Pool(threads, queue)
        self.hashes = 0

    async def make(self, password: str | None) -> str:
        """Return what to store; of ``None`` something that no password matches.

        Raises ``PoolFull`` (503), and ``ValidationError`` for a password that is longer than anybody types.
        """
        if password is None:
            return UNUSABLE + random_string(40)
        if len(password) > MAX_LENGTH:
            raise too_long()
        self.hashes += 1
        return await self.pool.run(self.preferred.encode, password)

    async def verify(self, password: str | None, encoded: str) -> Verdict:
        """Say whether the password is the stored one; costs a hash also where there is none. Raises ``PoolFull`` (503)."""
        hasher = self._by_name.get(encoded.partition("$")[0]) if is_usable(encoded) else None
        if password is None or len(password) > MAX_LENGTH:
            password, hasher = "", None
        if hasher is None:
            return await self.spend(password)
        self.hashes += 1
        return await self.pool.run(self._verify, hasher, password, encoded)

    async def spend(self, password: str) -> Verdict:
        """Do the work of a check against nobody's password, and say that it was wrong. Raises ``PoolFull`` (503)."""
        self.hashes += 1
        # text that is no Unicode matches nothing, and must not be told from a wrong password
        shown = password[:MAX_LENGTH].encode(errors="replace").decode()
        await self.pool.run(self.preferred.encode, shown)
        return WRONG

    def _verify(self, hasher: Hasher, password: str, encoded: str) -> Verdict:
        try:
            right = hasher.verify(password, encoded)
        except (
            ValueError,
            VivaceError,
        ) as error:  # a row is wrong or a package missing: this login fails, the site goes on
            logger.error("A stored password cannot be verified: %s", error)
            return WRONG
        return Verdict(right, right and (hasher is not self.preferred or hasher.outdated(encoded)))

    def close(self) -> None:
        """Release the threads."""
        self.pool.close()


def too_long() -> ValidationError:
    """Return the error of a password that is longer than anybody types."""
    return ValidationError(
        "This password is too long. It may have %(max_length)d characters.",
        code="password_too_long",
        params={"max_length": MAX_LENGTH},
    )


def is_usable(encoded: str | None) -> bool:
    """Say whether a stored password can ever match."""
    return bool(encoded) and not str(encoded).startswith(UNUSABLE)


__all__ = ["MAX_LENGTH", "UNUSABLE", "Passwords", "Verdict", "is_usable", "too_long"]
