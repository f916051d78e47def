import ipaddress
from dataclasses import fields

import pytest
from django.conf import settings as site_settings

from monitoring import checks, runtime


def test_trusting_every_proxy_is_an_error(settings):
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("0.0.0.0/0")]
    assert [message.id for message in checks.check_proxies_are_named()] == ["monitoring.E001"]
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("10.0.0.0/8")]
    assert checks.check_proxies_are_named() == []


@pytest.mark.parametrize(
    ("host", "site_url", "warned"),
    [
        ("0.0.0.0", "http://example.org", True),  # noqa: S104
        ("example.org", "http://example.org", True),
        ("0.0.0.0", "https://example.org", False),  # noqa: S104
        ("127.0.0.1", "http://localhost:8000", False),
        ("localhost", "http://localhost:8000", False),
    ],
)
def test_listening_beyond_this_machine_asks_for_https(settings, host, site_url, warned):
    settings.HOST, settings.SITE_URL = host, site_url
    assert bool(checks.check_outside_means_https()) is warned


def test_every_setting_of_the_operator_is_a_field_and_shown_in_one_fieldset():
    names = {field.name.upper() for field in fields(runtime.Operations)}
    assert names == set(site_settings.CONSTANCE_CONFIG)
    shown = [name for _, group in site_settings.CONSTANCE_CONFIG_FIELDSETS for name in group]
    assert sorted(shown) == sorted(names)
