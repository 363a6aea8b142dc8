"""The ``.env`` file: what it means, and what is a problem with a line number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.config.env import EnvProblem, parse_env

FILE = r"""
# a comment
DEBUG=true
  export HOSTS = a.example, b.example   # both
EMPTY=
HASH=a#b
SINGLE='$5 \n "x" # no'   # comment
DOUBLE="two\nlines \"q\" \\ \$x \d"
KEY="-----BEGIN
abc
-----END"
LITERAL='one
# two'
URL=http://${HOSTS}
"""


def test_dx5_env_file_is_read() -> None:
    parsed = parse_env(FILE)
    assert parsed.problems == ()
    assert parsed.values == {
        "DEBUG": "true",
        "HOSTS": "a.example, b.example",
        "EMPTY": "",
        "HASH": "a#b",
        "SINGLE": '$5 \\n "x" # no',
        "DOUBLE": 'two\nlines "q" \\ $x \\d',
        "KEY": "-----BEGIN\nabc\n-----END",
        "LITERAL": "one\n# two",
        "URL": "http://${HOSTS}",
    }
    assert (parsed.lines["DEBUG"], parsed.lines["KEY"], parsed.lines["LITERAL"], parsed.lines["URL"]) == (
        3,
        9,
        12,
        14,
    )


def test_dx5_problems_have_lines_and_reading_goes_on() -> None:
    text = 'A=1\nnonsense\n1B=2\nE=\'x\' y\nF="\0"\n=4\nC="never\nG=5'
    parsed = parse_env(text)
    assert parsed.values == {"A": "1", "G": "5"}
    assert [problem.line for problem in parsed.problems] == [2, 3, 4, 5, 6, 7]
    assert parsed.problems[5] == EnvProblem(7, 'the " of C is never closed')


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_and_byte_order_mark(newline: str) -> None:
    parsed = parse_env(b"\xef\xbb\xbf" + f"A=1{newline}B='x{newline}y'{newline}".encode())
    assert parsed.values == {"A": "1", "B": "x\ny"}


def test_bytes_that_are_not_utf8_are_a_problem() -> None:
    parsed = parse_env(b"A=\xff\nB=\xc3\xa9")
    assert (parsed.values, [problem.line for problem in parsed.problems]) == ({"B": "é"}, [1])


def test_last_value_of_a_name_holds() -> None:
    parsed = parse_env("A=1\nA=2")
    assert (parsed.values, parsed.lines) == ({"A": "2"}, {"A": 2})


def test_interpolation_when_asked_for() -> None:
    text = "A=1\nB=${A}${HOME}\nC='${A}'\nD=\"${NO:-x y}\\${A}\"\nE=${NO}\nF=\\${A}\nG=$A"
    parsed = parse_env(text, interpolate={"HOME": "/h"})
    assert parsed.values == {
        "A": "1",
        "B": "1/h",
        "C": "${A}",
        "D": "x y${A}",
        "E": "",
        "F": "${A}",
        "G": "$A",
    }
    assert [(problem.line, problem.message[:2]) for problem in parsed.problems] == [(5, "NO")]
    assert parse_env("A=${A}", interpolate={"A": "from outside"}).values == {"A": "from outside"}


@given(st.text() | st.binary() | st.text(alphabet="A=B'\"\\ \n#$%{}xport\r\t"), st.booleans())
def test_dx5_reading_never_raises(source: str | bytes, interpolate: bool) -> None:
    parsed = parse_env(source, interpolate={"A": "1"} if interpolate else None)
    assert set(parsed.values) == set(parsed.lines)
    total = (source if isinstance(source, str) else source.decode("utf-8", "replace")).replace(
        "\r", "\n"
    ).count("\n") + 1
    assert all(1 <= line <= total for line in [*parsed.lines.values(), *(p.line for p in parsed.problems)])


values = st.text(st.characters(exclude_characters="\0\ufffd\r", exclude_categories=["Cs"]))


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True), values))
def test_every_value_can_be_written_in_double_quotes(variables: dict[str, str]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'

    text = "\n".join(f"{name}={quoted(value)}" for name, value in variables.items())
    assert parse_env(text).values == variables
    assert parse_env(text, interpolate={"A": "1"}).values == variables
