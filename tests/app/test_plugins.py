"""Plugins: order, requirements, circles, isolation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.app.application import App
from vivace.app.plugins import Plugin, Plugins, matches, parse_version
from vivace.errors import AppInvalid, ConfigurationError, PluginError
from vivace.http.request import Connection, Request
from vivace.http.response import Response
from vivace.routing import Router


def plugin(
    name: str, version: str = "1.0", requires: Mapping[str, str] | None = None, log: list[str] | None = None
) -> Plugin:
    """Make a plugin that writes its name into ``log`` at its set-up."""

    def setup(self: Plugin, app: Any) -> None:
        if log is not None:
            log.append(name)

    members = {"name": name, "version": version, "requires": requires or {}, "setup": setup}
    made = type(name.title() or "Nameless", (Plugin,), members)()
    assert isinstance(made, Plugin)
    return made


def names(plugins: Plugins) -> list[str]:
    return [each.name for each in plugins.ordered()]


def findings(*plugins: Plugin) -> list[tuple[str, str]]:
    return [(found.id, found.message) for found in Plugins(plugins).setup(App())]


def test_mw5_set_up_in_the_order_added() -> None:
    assert names(Plugins([plugin("c"), plugin("a"), plugin("b")])) == ["c", "a", "b"]


def test_mw5_required_plugins_come_first() -> None:
    made = Plugins(
        [plugin("a", requires={"c": "", "b": "*"}), plugin("b"), plugin("c", requires={"d": ">=1"})]
    )
    made.add(plugin("d"))
    assert names(made) == ["d", "c", "b", "a"]


def test_mw5_setup_runs_once_and_in_order() -> None:
    log: list[str] = []
    made = Plugins([plugin("a", requires={"b": ""}, log=log), plugin("b", log=log)])
    app = App()
    assert made.setup(app) == []
    assert made.setup(app) == []
    assert log == ["b", "a"]


def test_mw5_missing_requirement_names_the_nearest() -> None:
    made = Plugins([plugin("audit", requires={"sesions": ">=1"}), plugin("sessions")])
    (found,) = made.setup(App())
    assert found.id == "plugin-missing"
    assert found.message == "The plugin 'audit' requires sesions >=1, which is not installed."
    assert found.hint == "Did you mean 'sessions'?"


def test_mw5_wrong_version() -> None:
    assert findings(plugin("audit", requires={"sessions": ">=1.2,<2"}), plugin("sessions", "2.0")) == [
        ("plugin-version", "The plugin 'audit' requires sessions >=1.2,<2; installed is 2.0.")
    ]


def test_mw5_circle_is_named_in_full() -> None:
    circle = [
        plugin("outside", requires={"a": ""}),
        plugin("a", requires={"b": ""}),
        plugin("b", requires={"c": ""}),
        plugin("c", requires={"a": ""}),
    ]
    assert findings(*circle) == [("plugin-cycle", "Plugins require each other in a circle: a → b → c → a.")]
    with pytest.raises(PluginError, match="a → b → c → a"):
        Plugins(circle).ordered()


def test_mw5_everything_wrong_is_found_before_any_setup() -> None:
    log: list[str] = []
    found = findings(
        plugin("a", log=log),
        plugin("a", "2", log=log),
        plugin(""),
        plugin("b", requires={"a": "latest", "x": ""}),
    )
    assert [id for id, _ in found] == ["plugin-duplicate", "plugin-name", "plugin", "plugin-missing"]
    assert log == []


def test_the_same_plugin_twice_counts_once() -> None:
    one = plugin("a")
    assert names(Plugins([one, one])) == ["a"]


def test_brought_plugins_come_with_it() -> None:
    class Shop(Plugin):
        name = "shop"
        requires = {"payments": ""}
        brings: Sequence[Plugin] = (plugin("payments"),)

    assert names(Plugins([Shop()])) == ["payments", "shop"]


def test_adding_during_setup_is_refused() -> None:
    class Late(Plugin):
        name = "late"

        def setup(self, app: App) -> None:
            app.install(plugin("another"))

    (found,) = Plugins.setup((app := App(plugins=[Late()])).plugins, app)
    assert "'another' comes too late" in found.message
    assert "`brings`" in found.hint


def test_errors_of_a_setup() -> None:
    class Ours(Plugin):
        name = "ours"

        def setup(self, app: App) -> None:
            raise ConfigurationError("No key.", fix="Set one.")

    class Theirs(Plugin):
        name = "theirs"

        def setup(self, app: App) -> None:
            raise KeyError("nothing")

    app = App(plugins=[Ours()])
    with pytest.raises(AppInvalid, match="No key"):
        app.compile()
    with pytest.raises(PluginError, match="'theirs' could not be set up") as caught:
        Plugins([Theirs()]).setup(App())
    assert isinstance(caught.value.__cause__, KeyError)


def test_look_up_by_name() -> None:
    one = plugin("sessions")
    made = Plugins([one])
    assert made["sessions"] is one
    assert len(made) == 1
    with pytest.raises(PluginError, match="Did you mean 'sessions'"):
        made["session"]


async def test_mw5_hooks_of_a_plugin_stay_in_its_router() -> None:
    class Audit(Plugin):
        name = "audit"

        def setup(self, app: App) -> None:
            pages = Router("/audit", before=[lambda _: Response("refused", 403)])
            pages.get("/log")(lambda: "log")
            app.include(pages)

    app = App(plugins=[Audit()])
    app.get("/home")(lambda: "home")
    statuses = {}
    for path in ("/audit/log", "/home"):
        request = Request("GET", path, [(b"host", b"localhost")], Connection())
        statuses[path] = (await app.handle(request)).status
    assert statuses == {"/audit/log": 403, "/home": 200}
    app.pool.close()


def test_mw5_describe_prints_the_tree() -> None:
    made = Plugins(
        [
            plugin("shop", "3.1", {"payments": ">=1,<2", "mail": ""}),
            plugin("payments", "1.4", {"mail": ">=2", "fraud": ">=1"}),
            plugin("mail", "2.0"),
            plugin("alone", "0.1"),
        ]
    )
    assert made.describe().splitlines() == [
        "shop 3.1",
        "├── payments 1.4 (>=1,<2)",
        "│   ├── mail 2.0 (>=2)",
        "│   └── fraud missing (>=1)",
        "└── mail 2.0",
        "alone 0.1",
    ]


def test_describe_ends_in_a_circle() -> None:
    circle = Plugins([plugin("a", requires={"b": ""}), plugin("b", requires={"a": ""})])
    assert circle.describe().splitlines() == [
        "a 1.0",
        "└── b 1.0",
        "    └── a 1.0",
        "b 1.0",
        "└── a 1.0",
        "    └── b 1.0",
    ]


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("1.2", "", True),
        ("1.2", "*", True),
        ("1.2", ">=1.2,<2", True),
        ("2.0", ">=1.2,<2", False),
        ("1.10", ">=1.9", True),
        ("1.0", "==1", True),
        ("2.0rc1", ">=2.0", False),
        ("2.0rc1", "<2.0", True),
        ("1.5+local", "==1.5", True),
        ("1.5", "!=1.5", False),
        ("1.5", "> 1.4 , <= 1.5", True),
    ],
)
def test_ranges(version: str, wanted: str, fits: bool) -> None:
    assert matches(version, wanted) is fits


@pytest.mark.parametrize(
    ("version", "wanted"), [("1.2", "1.2"), ("1.2", "~=1.2"), ("x", ">=1"), ("1", ">=x")]
)
def test_bad_ranges(version: str, wanted: str) -> None:
    with pytest.raises(PluginError):
        matches(version, wanted)


@given(
    st.lists(st.integers(0, 99), min_size=1, max_size=4), st.lists(st.integers(0, 99), min_size=1, max_size=4)
)
def test_versions_compare_as_their_numbers(left: list[int], right: list[int]) -> None:
    size = max(len(left), len(right))
    padded = [[*numbers, *[0] * (size - len(numbers))] for numbers in (left, right)]
    texts = [".".join(map(str, numbers)) for numbers in (left, right)]
    assert (parse_version(texts[0]) < parse_version(texts[1])) is (padded[0] < padded[1])


@given(st.permutations(["a", "b", "c", "d"]), st.data())
def test_mw5_any_set_without_circles_is_ordered(order: list[str], data: st.DataObject) -> None:
    requires = {
        name: {other: "" for other in data.draw(st.sets(st.sampled_from("abcd"))) if other < name}
        for name in order
    }
    result = names(Plugins([plugin(name, requires=requires[name]) for name in order]))
    assert sorted(result) == sorted(order)
    for name, others in requires.items():
        assert all(result.index(other) < result.index(name) for other in others)
