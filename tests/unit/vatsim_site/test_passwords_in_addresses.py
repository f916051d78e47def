import pytest

from vatsim_site.environment import with_password


@pytest.mark.parametrize(
    ("url", "password", "expected"),
    [
        ("redis://redis:6379", "a@b/c", "redis://:a%40b%2Fc@redis:6379"),
        ("postgresql://vatsim@postgres/vatsim", "x y", "postgresql://vatsim:x%20y@postgres/vatsim"),
        ("redis://:own@redis", "other", "redis://:own@redis"),
        ("redis://redis", "", "redis://redis"),
    ],
)
def test_a_password_fills_an_address_that_has_none(url: str, password: str, expected: str) -> None:
    assert with_password(url, password) == expected
