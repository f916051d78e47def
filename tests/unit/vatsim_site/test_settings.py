"""A bad value stops the start with a sentence that names the variable."""

import runpy
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

SETTINGS = Path(__file__).parents[3] / "vatsim_site" / "settings.py"


def read_settings() -> dict[str, object]:
    return runpy.run_path(str(SETTINGS))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "maybe"),
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("SITE_URL", "vatsim.example.org"),
        ("TRUSTED_PROXIES", "the-proxy"),
        ("DATABASE_URL", "mysql://localhost/vatsim"),
        ("DATABASE_MAX_CONNECTIONS", "5"),
        ("DATABASE_TIMEOUT", "0"),
        ("REDIS_URL", "localhost:6379"),
        ("WEB_THREADS", "0"),
        ("CACHE_TTL_FLIGHT_DATA", "0"),
        ("CACHE_TTL_FLIGHT_DATA", "-1"),
        ("CACHE_TTL_ATC_DATA", "never"),
        ("FEED", "/there/is/no/such/folder"),
        ("FEED_SPEED", "-1"),
        ("FEED_SPEED", "nan"),
        ("FEED_MAX_COMPRESSED_MB", "0"),
        ("FEED_MAX_MB", "inf"),
        ("SIMULATION_AIRCRAFT", "9"),
        ("VATSIM_STATUS_URL", "file:///etc/passwd"),
        ("VATSIM_API_URL", "ftp://example.org"),
        ("VATSIM_TRANSCEIVERS_URL", "http://[::1"),
        ("VATSIM_API_TIMEOUT", "60"),
        ("VATSIM_API_RETRY_ATTEMPTS", "-1"),
        ("POLL_INTERVAL_SECONDS", "14"),
        ("FLUSH_INTERVAL_SECONDS", "0.5"),
        ("BUFFER_MAX_MB", "0"),
        ("SERVICE_MAX_WORKERS", "0"),
        ("SERVICE_SHUTDOWN_TIMEOUT", "4"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_bad_value_is_refused_in_a_sentence_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=rf"^{name}\b.*\.$"):
        read_settings()


@pytest.mark.parametrize("name", ["SECRET_KEY", "PSEUDONYM_KEY"])
def test_without_a_key_the_settings_say_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} .*make run"):
        read_settings()


def test_more_threads_and_workers_than_connections_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEB_THREADS", "64")
    with pytest.raises(ImproperlyConfigured, match="DATABASE_MAX_CONNECTIONS must be at least"):
        read_settings()


def test_a_folder_of_recorded_feeds_becomes_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "feeds").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEED", "feeds")
    assert read_settings()["FEED"] == str(tmp_path / "feeds")


def test_https_closes_cookies_to_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_URL", "https://vatsim.example.org")
    settings = read_settings()
    assert settings["SESSION_COOKIE_SECURE"]
    assert settings["CSRF_COOKIE_SECURE"]
    assert settings["SECURE_HSTS_SECONDS"]


def test_only_the_web_process_pools_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCESS_NAME", "web")
    web = read_settings()["DATABASES"]
    monkeypatch.setenv("PROCESS_NAME", "general")
    worker = read_settings()["DATABASES"]
    assert web["default"]["OPTIONS"]["pool"]["max_size"] == 8
    assert "pool" not in worker["default"]["OPTIONS"]
