"""Names of projects, models and fields: which are refused, why, and what to write instead."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from pathlib import Path
from typing import Final, NamedTuple

from vivace.errors import NameRefused

_PROJECT: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
_MODEL: Final = re.compile(r"[A-Z][A-Za-z0-9]*")
_FIELD: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LONGEST: Final = 40  # characters; with a prefix still a table's name in PostgreSQL (63)
_OURS: Final = frozenset({"tests", "deploy"})  # folders of a project beside its package
# what the code of a resource means by these names itself
_ATTRIBUTES: Final = frozenset("pk id objects meta models str int float bool list dt".split())
_CLASSES: Final = frozenset(
    "Model ModelForm Router Query Client Factory Decimal UUID Any Annotated None True False CreateView DeleteView DetailView "
    "ListView UpdateView SuccessMessageMixin Loop Request Session Object View Form Self Url Field".split()
)


class ProjectName(NamedTuple):
    """A project: what it is called, the package it lives in, and what people read."""

    project: str
    package: str
    title: str


def project_name(text: str) -> ProjectName:
    """Return the names of a project. Raises ``NameRefused``."""
    package = text.lower().replace("-", "_")
    if not _PROJECT.fullmatch(text) or len(text) > _LONGEST:
        raise NameRefused(
            f"{text[:80]!r} cannot be the name of a project.",
            expected=f"letters, digits and single - or _, a letter first, at most {_LONGEST}",
            got=repr(text[:80]),
            fix=f"vivace new {_slug(text)}.",
        )
    reason = _taken(package)
    if reason:
        raise NameRefused(
            f"A project {text!r} would be the package {package!r}, which {reason}.",
            expected="a name that nothing else has",
            got=package,
            fix=f"vivace new {text}-site, or another name.",
        )
    return ProjectName(package.replace("_", "-"), package, _title(text))


def _taken(package: str) -> str:
    """Return what else is called like that; ``""`` when nothing is."""
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        return "is a word of Python's grammar"
    if package in sys.stdlib_module_names:
        return "is a module of Python's standard library"
    if package in _OURS:
        return "is another folder of each project"
    return "is a module that is installed here" if _is_installed(package) else ""


def _is_installed(package: str) -> bool:
    """Return whether there is a module of that name, other than in the current folder, where the project itself may go."""
    found = (finder.find_spec(package, None) for finder in sys.meta_path)
    spec = next((spec for spec in found if spec is not None), None)
    if spec is None:
        return False
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    return not any(Path(place).resolve().is_relative_to(Path.cwd()) for place in places)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.findall(r"[A-Za-z0-9]+", plain)


def _slug(text: str) -> str:
    words = _words(text)
    slug = "-".join(words).lower().lstrip("0123456789-")[:_LONGEST].strip("-")
    return slug or "my-site"


def _title(text: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in re.split(r"[-_]", text))


class ModelName(NamedTuple):
    """A model under all the names that its code has."""

    model: str  # BlogPost
    one: str  # blog_post
    many: str  # blog_posts, its package
    path: str  # blog-posts
    words: str  # blog post
    plural: str  # blog posts

    @property
    def article(self) -> str:
        """What stands before it: a post, an order."""
        return "an" if self.words[0] in "aeio" else "a"

    @property
    def regular(self) -> bool:
        """Whether the plural is what Vivace would make of the name itself."""
        return self.plural == f"{self.words}s"


def model_name(text: str) -> ModelName:
    """Return the names of a model. Raises ``NameRefused``."""
    if not _MODEL.fullmatch(text) or len(text) > _LONGEST:
        raise NameRefused(
            f"{text[:80]!r} cannot be the name of a model.",
            expected=f"one thing as a class: Post, OrderLine; at most {_LONGEST} letters and digits",
            got=repr(text[:80]),
            fix=f"vivace make resource {_camel(text)} …",
        )
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text).lower()
    plural = _plural(words)
    one, many = words.replace(" ", "_"), plural.replace(" ", "_")
    if keyword.iskeyword(one) or text in _CLASSES:
        raise NameRefused(
            f"A model cannot be called {text!r}: Python, or the code around it, means something else by it.",
            expected="another name",
            got=text,
            fix=f"vivace make resource {text}Item …",
        )
    return ModelName(text, one, many, many.replace("_", "-"), words, plural)


def _camel(text: str) -> str:
    words = _words(text)
    name = "".join(word[:1].upper() + word[1:] for word in words).lstrip("0123456789")[:_LONGEST]
    return name[:1].upper() + name[1:] or "Post"


def _plural(words: str) -> str:
    """Return the plural of the last word by the rules of English that have no exceptions worth a table."""
    if re.search(r"[^aeiou]y$", words):
        return f"{words[:-1]}ies"
    return f"{words}es" if re.search(r"(s|x|z|ch|sh)$", words) else f"{words}s"


def check_field_name(text: str, spec: str) -> str:
    """Return the name of a field. Raises ``NameRefused``."""
    if not _FIELD.fullmatch(text) or len(text) > _LONGEST:
        raise NameRefused(
            f"{text[:80]!r} cannot be the name of a field, in {spec[:80]!r}.",
            expected="small letters, digits and single _, a letter first: published, page_count",
            got=repr(text[:80]),
            fix=f"Write {_slug(text).replace('-', '_')}.",
        )
    if keyword.iskeyword(text) or text in _ATTRIBUTES or text in _attributes_of_models():
        raise NameRefused(
            f"A field cannot be called {text!r}, in {spec[:80]!r}: Python or each model means something else by it.",
            expected="another name",
            got=text,
            fix=f"Write the_{text}, or better what it is.",
        )
    return text


def _attributes_of_models() -> frozenset[str]:
    from vivace.models import Model

    return frozenset(name for name in dir(Model) if not name.startswith("_"))


__all__ = ["ModelName", "ProjectName", "check_field_name", "model_name", "project_name"]
