"""How fields are written on the command line."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.cli.scaffold.fieldspec import FieldSpec, parse_spec, parse_specs
from vivace.cli.scaffold.kinds import KINDS, Argument, Kind, quoted
from vivace.cli.scaffold.names import model_name
from vivace.cli.scaffold.resource import FieldCode
from vivace.errors import FieldSpecInvalid, NameRefused, VivaceError

NAMES = st.from_regex(r"x[a-z]{0,6}(_[a-z0-9]{1,4}){0,2}", fullmatch=True)
WORDS = st.lists(
    st.from_regex(r"[a-z]{1,8}(_[a-z]{1,3})?", fullmatch=True), min_size=1, max_size=4, unique=True
)
DEFAULTS = {
    "str": st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8),
    "int": st.integers(-(10**8), 10**8).map(str),
    "float": st.floats(allow_nan=False, allow_infinity=False).map(lambda number: f"{number:.3f}"[:18]),
    "decimal": st.decimals(-(10**8), 10**8, places=2).map(str),
    "bool": st.sampled_from(["yes", "no", "True", "0"]),
    "slug": st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True),
    "email": st.just("ada@example.com"),
    "url": st.just("https://example.com/?a=b:c"),
}


@st.composite
def specs(draw: st.DrawFn) -> FieldSpec:
    """Every field that can be asked for."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    about = KINDS[kind]
    arguments: tuple[str, ...] = ()
    if about.argument is Argument.MODEL:
        arguments = (draw(st.from_regex(r"[A-Z][a-zA-Z0-9]{0,8}", fullmatch=True)),)
    elif about.argument is Argument.CHOICES:
        arguments = tuple(draw(WORDS))
    elif about.argument is Argument.LENGTH and draw(st.booleans()):
        arguments = (str(draw(st.integers(20, 2000))),)
    default = None
    if about.literal is not None and draw(st.booleans()):
        default = draw(
            st.sampled_from(arguments) if kind == "choice" else DEFAULTS.get(kind, DEFAULTS["str"])
        )
    return FieldSpec(
        draw(NAMES),
        kind,
        arguments,
        about.may_be_empty and draw(st.booleans()),
        about.may_be_unique and draw(st.booleans()),
        default,
    )


@given(specs())
def test_what_is_written_is_read_back(spec: FieldSpec) -> None:
    assert parse_spec(str(spec)) == spec


@given(specs())
def test_every_field_is_python_that_can_be_read(spec: FieldSpec) -> None:
    code = FieldCode(spec, model_name("Post"))
    ast.parse(f"class Post:\n{code.definition}\n")
    ast.parse(f"class PostIn:\n    {code.name}: {code.json_type}{code.json_default}\n")
    if not code.target and spec.kind != "file":
        ast.parse(code.form_code, mode="eval")
        ast.parse(code.json_code, mode="eval")
    assert max(map(len, code.definition.splitlines())) <= 300


@given(st.text(max_size=40) | st.text("abz:?=()|,_ 1Af", max_size=20).map("a:".__add__))
def test_anything_else_is_an_error_of_ours(text: str) -> None:
    spec: FieldSpec | None = None
    error: VivaceError | None = None
    try:
        spec = parse_spec(text)
    except (FieldSpecInvalid, NameRefused) as found:
        error = found
    assert spec is None or parse_spec(str(spec)) == spec
    assert error is None or (error.expected and error.got)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20))
def test_texts_stay_what_they_are_in_quotes(text: str) -> None:
    assert ast.literal_eval(quoted(text)) == text


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("title:str", FieldSpec("title", "str")),
        ("code:str(8)", FieldSpec("code", "str", ("8",))),
        ("code:str:8:unique", FieldSpec("code", "str", ("8",), unique=True)),
        ("published:date?", FieldSpec("published", "date", optional=True)),
        ("slug:slug:unique?", FieldSpec("slug", "slug", optional=True, unique=True)),
        ("slug:slug?:unique", FieldSpec("slug", "slug", optional=True, unique=True)),
        ("author:fk(User)", FieldSpec("author", "fk", ("User",))),
        ("author:fk:User?", FieldSpec("author", "fk", ("User",), optional=True)),
        ("state:choice(a | b)=a", FieldSpec("state", "choice", ("a", "b"), default="a")),
        ("state:choice:a,b", FieldSpec("state", "choice", ("a", "b"))),
        ("greeting:str=Why? Because: a=b", FieldSpec("greeting", "str", default="Why? Because: a=b")),
    ],
)
def test_ways_to_write_a_field(text: str, spec: FieldSpec) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize(
    ("text", "says", "fix"),
    [
        ("title", "it has no kind", "Write title:str, or another kind."),
        ("title:", "there is no kind ''", "--help lists them"),
        ("title:strr", "there is no kind 'strr'", "Did you mean 'str'?"),
        ("title:string", "there is no kind 'string'", "str"),
        ("title:varchar", "there is no kind 'varchar'", "Here it is called 'str'."),
        ("title:str(x)", "its length is none", "str(80)"),
        ("title:str(0)", "its length is none", "str(80)"),
        ("title:str(99999999)", "its length is none", "str(80)"),
        ("title:text(80)", "its kind takes no argument", "Write text."),
        ("title:str:uniq", "its length is none", "str(80)"),
        ("day:date:uniq", "'uniq' says nothing", "Did you mean 'unique'?"),
        ("author:fk", "it does not say which model", "'fk(User)'"),
        ("author:fk(user)", "it does not say which model", "'fk(User)'"),
        ("state:choice", "its choices are none", "choice(draft|public)"),
        ("state:choice(a|a)", "its choices are none", "choice(draft|public)"),
        ("state:choice(a|b)=c", "its default 'c' does not fit", ""),
        ("done:bool?", "a bool is never empty", "Write done:bool."),
        ("done:bool=maybe", "its default 'maybe' does not fit", ""),
        ("pages:int=many", "its default 'many' does not fit", ""),
        ("weight:float=1.2.3", "its default '1.2.3' does not fit", ""),
        ("price:decimal=1.234", "its default '1.234' does not fit", ""),
        ("title:str(3)=long", "its default 'long' does not fit", ""),
        ("mail:email=nobody", "its default 'nobody' does not fit", ""),
        ("day:date=today", "a date has no default here", "into the model"),
        ("body:text:unique", "a text cannot be unique", "Leave it out."),
    ],
)
def test_what_cannot_be_a_field(text: str, says: str, fix: str) -> None:
    with pytest.raises(FieldSpecInvalid) as caught:
        parse_spec(text)
    assert says in caught.value.what
    assert fix in caught.value.fix
    assert caught.value.expected
    assert caught.value.got == text


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("Title", "Write title."),
        ("page__count", "Write page_count."),
        ("_private", "Write private."),
        ("größe", "Write grosse."),
        ("class", "Write the_class"),
        ("id", "Write the_id"),
        ("objects", "Write the_objects"),
        ("refresh_from_db", "Write the_refresh_from_db"),
    ],
)
def test_what_cannot_be_the_name_of_a_field(name: str, fix: str) -> None:
    with pytest.raises(NameRefused) as caught:
        parse_spec(f"{name}:str")
    assert fix in caught.value.fix


def test_a_name_comes_once_and_there_is_one() -> None:
    with pytest.raises(FieldSpecInvalid, match="there is a field 'title' already"):
        parse_specs(["title:str", "title:text"])
    with pytest.raises(FieldSpecInvalid, match="needs fields"):
        parse_specs([])


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("Post", ("post", "posts", "posts", "post", "posts", "a")),
        ("OrderLine", ("order_line", "order_lines", "order-lines", "order line", "order lines", "an")),
        ("Category", ("category", "categories", "categories", "category", "categories", "a")),
        ("HTTPBox", ("http_box", "http_boxes", "http-boxes", "http box", "http boxes", "a")),
        ("Day", ("day", "days", "days", "day", "days", "a")),
    ],
)
def test_names_of_a_model(model: str, names: tuple[str, ...]) -> None:
    found = model_name(model)
    assert (*found[1:], found.article) == names


def test_the_table_of_kinds_is_whole() -> None:
    for name, kind in KINDS.items():
        assert isinstance(kind, Kind)
        assert kind.about, name
        assert kind.sample or kind.argument in (Argument.MODEL, Argument.CHOICES) or name == "file"
