"""Host patterns: ``api.example.com``, ``{tenant}.example.com``, ``*.example.com`` (one label or more in front)."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from vivace.errors.routing import BadPattern

_LABEL: Final = re.compile(
    r"[a-z0-9_](?:[-a-z0-9_]*[a-z0-9_])?"
)  # LDH and the underscore that tests and DNS-SD use


class HostPattern(msgspec.Struct, frozen=True):
    """A host with parameters: a label is ``str`` (that text) or a tuple with the name of the parameter."""

    text: str
    labels: tuple[str | tuple[str], ...]
    wildcard: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(label[0] for label in self.labels if isinstance(label, tuple))

    @property
    def is_static(self) -> bool:
        """Whether it is one host."""
        return not self.wildcard and not self.names

    @property
    def rank(self) -> tuple[bool, int, int]:
        """The smaller, the earlier it is tried: no wildcard first, then few parameters, then many labels."""
        return (self.wildcard, len(self.names), -len(self.labels))

    @property
    def shape(self) -> tuple[bool, tuple[str | None, ...]]:
        """What two patterns share that match the same hosts."""
        return (self.wildcard, tuple(label if isinstance(label, str) else None for label in self.labels))

    def match(self, host: str) -> dict[str, str] | None:
        """Return the parameters when a lower-case host without port fits, else ``None``."""
        labels = host.split(".")
        extra = len(labels) - len(self.labels)
        if (extra < 1) if self.wildcard else extra:
            return None
        params: dict[str, str] = {}
        for wanted, label in zip(self.labels, labels[extra:], strict=True):
            if isinstance(wanted, str):
                if wanted != label:
                    return None
            elif _LABEL.fullmatch(label) is None:
                return None
            else:
                params[wanted[0]] = label
        return params

    def build(self, params: dict[str, str]) -> str:
        """Return the host for the parameters; raises ``ValueError`` for a value that is no label."""
        labels = [label if isinstance(label, str) else params[label[0]].lower() for label in self.labels]
        if not all(_LABEL.fullmatch(label) for label in labels):
            raise ValueError(params)
        return ".".join(labels)

    def __str__(self) -> str:
        return self.text


def parse_host(text: str) -> HostPattern:
    """Return the pattern of ``text``; raises ``BadPattern`` for what is no host."""
    wildcard = text.startswith("*.")
    labels: list[str | tuple[str]] = []
    for piece in text.removeprefix("*.").split("."):
        inner = piece[1:-1]
        if piece == f"{{{inner}}}" and inner.isidentifier():
            labels.append((inner,))
        elif _LABEL.fullmatch(piece.lower()):
            labels.append(piece.lower())
        else:
            raise BadPattern(
                f"The host pattern {text!r} has a label {piece!r} that is none.",
                expected="a host without scheme and port, each label a word or {name}",
                got=text,
                fix="Write api.example.com, {tenant}.example.com or *.example.com.",
            )
    return HostPattern(text, tuple(labels), wildcard)


def host_name(header: bytes | None) -> str:
    """Return the host of a Host header, lower-case, without port and final dot; ``""`` when there is none."""
    if not header:
        return ""
    host = header.decode("latin-1").strip().lower()
    if host.startswith("["):  # an IPv6 address
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].removesuffix(".")
