"""Settings from their layers, with origins, and with all problems at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vivace.config.load import Loaded, load, load_into
from vivace.config.secret import Secret
from vivace.config.settings import Limits, Settings, Timeouts
from vivace.config.units import Seconds
from vivace.errors import SettingsInvalid


@dataclass(frozen=True)
class Relay:
    host: str
    password: Secret[str]
    port: int = 25
    timeout: Seconds = 10.0


@dataclass(frozen=True, kw_only=True)
class ShopSettings(Settings):
    relay: Relay
    currency: str = "EUR"
    stripe_key: Secret[str] = field(default=Secret(""), metadata={"env": "STRIPE_KEY"})

    def __post_init__(self) -> None:
        if self.currency.islower():
            raise ValueError("currency must be upper-case")


def env_file(directory: Path, text: str) -> Path:
    (directory / ".env").write_text(text)
    return directory


def problems(error: pytest.ExceptionInfo[SettingsInvalid]) -> list[tuple[str, str]]:
    return [(finding.id, finding.message) for finding in error.value.findings]


def test_cl5_nothing_set_is_the_defaults(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"PATH": "/bin", "HOME": "/"})
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}
    assert load(tmp_path).settings.limits == Limits()


def test_cl5_later_layers_win_and_origins_tell(tmp_path: Path) -> None:
    env_file(
        tmp_path,
        "VIVACE_LIMITS_BODY_BYTES=1MB\nVIVACE_TIMEOUTS_BODY=5s\n\nVIVACE_TIMEOUTS_WRITE=7s\nVIVACE_HOSTS=a.example\nOTHER=x\n",
    )
    environ = {"VIVACE_TIMEOUTS_BODY": "6s", "VIVACE_TIMEOUTS_WRITE": "8s"}
    loaded = load(tmp_path, environ, timeouts={"write": 9}, debug=True)
    settings, origins = loaded.settings, loaded.origins
    assert (settings.limits.body_bytes, settings.timeouts.body, settings.timeouts.write) == (
        1024**2,
        6.0,
        9.0,
    )
    assert (settings.hosts, settings.debug) == (("a.example",), True)
    assert origins["limits.body_bytes"] == "VIVACE_LIMITS_BODY_BYTES (.env:1)"
    assert origins["hosts"] == "VIVACE_HOSTS (.env:5)"
    assert origins["timeouts.body"] == "VIVACE_TIMEOUTS_BODY (environment)"
    assert origins["timeouts.write"] == "keyword"
    assert origins["timeouts.headers"] == "default"


def test_a_group_may_be_given_as_it_is(tmp_path: Path) -> None:
    assert load(tmp_path, {}, limits=Limits(json_depth=3)).settings.limits == Limits(json_depth=3)


def test_cl5_only_unknown_vivace_names_are_errors(tmp_path: Path) -> None:
    env_file(tmp_path, "VIVACE_DEBGU=1\nDATABASE=x\n")
    with pytest.raises(SettingsInvalid) as caught:
        load(tmp_path, {"VIVACE_LIMIT_BODY_BYTES": "1", "SECRETKEY": "x"}, host="x")
    assert [finding.id for finding in caught.value.findings] == ["setting-unknown"] * 3
    text = str(caught.value)
    for expected in (
        "Did you mean 'VIVACE_DEBUG'?",
        "(.env:1)",
        "Did you mean 'VIVACE_LIMITS_BODY_BYTES'?",
        "Did you mean 'hosts'?",
    ):
        assert expected in text
    assert "DATABASE=" not in text


def test_dx5_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    env_file(tmp_path, "broken line\nVIVACE_DEBUG=maybe\n")
    environ = {"VIVACE_TIMEOUTS_BODY": "5 parsecs", "VIVACE_NOPE": "1", "VIVACE_RELAY_PORT": "x"}
    with pytest.raises(SettingsInvalid) as caught:
        load_into(ShopSettings, tmp_path, environ, limits={"json_depth": -1.5, "nope": 1}, timeouts=3)
    assert problems(caught) == [
        ("env-file", ".env line 1 cannot be read: expected NAME=value."),
        ("setting-unknown", "VIVACE_NOPE is not a setting."),
        ("setting-unknown", "limits.nope is not a setting."),
        ("setting-unknown", "timeouts is a group of settings."),
        ("setting-value", "limits.json_depth cannot be read. Expected: a whole number. Got: -1.5."),
        (
            "setting-value",
            "timeouts.body cannot be read. Expected: a duration such as 30, 1.5s, 5m or 1h30m. Got: '5 parsecs'.",
        ),
        ("setting-value", "debug cannot be read. Expected: true or false. Got: 'maybe'."),
        ("setting-missing", "relay.host is not set. Expected: text."),
        ("setting-missing", "relay.password is not set. Expected: text."),
        ("setting-value", "relay.port cannot be read. Expected: a whole number. Got: 'x'."),
    ]
    places = [finding.place for finding in caught.value.findings]
    assert places[0] == f"{tmp_path / '.env'}:1"
    assert places[5:7] == ["VIVACE_TIMEOUTS_BODY (environment)", "VIVACE_DEBUG (.env:2)"]
    assert caught.value.findings[7].hint == "Set VIVACE_RELAY_HOST."


def test_cl5_settings_of_ones_own_are_typed(tmp_path: Path) -> None:
    environ = {
        "VIVACE_RELAY_HOST": "m",
        "VIVACE_RELAY_PASSWORD": "p",
        "VIVACE_RELAY_TIMEOUT": "1m",
        "STRIPE_KEY": "sk",
    }
    loaded: Loaded[ShopSettings] = load_into(ShopSettings, tmp_path, environ, currency="CHF")
    settings = loaded.settings
    assert (settings.relay.host, settings.relay.timeout, settings.currency) == ("m", 60.0, "CHF")
    assert (settings.relay.password.reveal(), settings.stripe_key.reveal()) == ("p", "sk")
    assert settings.limits == Limits()


def test_a_check_of_ones_own_is_one_of_the_problems(tmp_path: Path) -> None:
    environ = {"VIVACE_RELAY_HOST": "m", "VIVACE_RELAY_PASSWORD": "p"}
    with pytest.raises(SettingsInvalid, match="currency must be upper-case"):
        load_into(ShopSettings, tmp_path, environ, currency="chf")


def test_sc13_secrets_are_shown_nowhere(tmp_path: Path) -> None:
    env_file(tmp_path, 'SECRET_KEY=hush-1\nVIVACE_SECRET_KEY_FALLBACKS="hush-2,hush-3"\n')
    loaded = load(tmp_path, {"DATABASE_URL": "postgresql://u:hush-4@h/d"})
    settings = loaded.settings
    assert settings.secret_key.reveal() == "hush-1"
    assert [key.reveal() for key in settings.secret_key_fallbacks] == ["hush-2", "hush-3"]
    assert settings.database_url.reveal().endswith("hush-4@h/d")
    assert "hush" not in repr(loaded) + str(list(loaded.rows()))
    rows = {setting: (shown, origin) for setting, shown, origin in loaded.rows()}
    assert rows["secret_key"] == ("Secret(********)", "SECRET_KEY (.env:1)")
    assert rows["limits.json_depth"] == ("100", "default")


@dataclass(frozen=True)
class Pin:
    pin: Secret[int]


def test_sc13_a_wrong_secret_is_not_shown_either(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load_into(Pin, tmp_path, {"VIVACE_PIN": "hush"})
    assert "hush" not in str(caught.value)
    assert "a value that is not shown" in str(caught.value)


def test_cl5_secret_files(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("from file\n")
    loaded = load(tmp_path, {"SECRET_KEY_FILE": str(secret), "OTHER_FILE": "x"})
    assert loaded.settings.secret_key.reveal() == "from file"
    assert loaded.origins["secret_key"] == f"SECRET_KEY_FILE (environment) → {secret}"
    env_file(tmp_path, "SECRET_KEY=from env file")
    assert load(tmp_path, {"SECRET_KEY_FILE": str(secret)}).settings.secret_key.reveal() == "from file"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"SECRET_KEY_FILE": "/does/not/exist"}, "No such file"),
        ({"SECRET_KEY_FILE": "/", "SECRET_KEY": "x"}, "are both set"),
        ({"VIVACE_DEBGU_FILE": "/x"}, "Did you mean 'VIVACE_DEBUG_FILE'?"),
    ],
)
def test_cl5_secret_file_problems(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(tmp_path, environ)
    assert message in str(caught.value)


def test_unreadable_env_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingsInvalid, match=r"\.env cannot be read"):
        load(tmp_path, {})


_PATIENT = Timeouts(keep_alive=9.0)


@dataclass(frozen=True)
class _Quiet(Settings):
    """Settings whose groups have defaults of their own."""

    limits: Limits = field(default_factory=lambda: Limits(json_depth=7, header_count=8))
    timeouts: Timeouts = _PATIENT


def test_defaults_of_a_group_may_be_other_than_the_groups_own(tmp_path: Path) -> None:
    loaded = load_into(_Quiet, tmp_path, {"VIVACE_LIMITS_HEADER_COUNT": "5"})
    assert (loaded.settings.limits.json_depth, loaded.settings.limits.header_count) == (7, 5)
    assert (loaded.settings.timeouts.keep_alive, loaded.settings.timeouts.write) == (9.0, 60.0)
    assert loaded.settings.media == Settings().media
    assert loaded.origins["limits.json_depth"] == "default"
