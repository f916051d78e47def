from pathlib import Path

from vatsim_site.embedded import installation


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    secret = installation.make_secret(tmp_path, "secret_key")
    assert len(secret) >= 50
    assert installation.make_secret(tmp_path, "secret_key") == secret
    assert installation.read_secret(tmp_path, "secret_key") == secret
    assert mode(tmp_path / "secrets") == 0o700
    assert mode(tmp_path / "secrets" / "secret_key") == 0o600


def test_secrets_differ(tmp_path: Path) -> None:
    assert installation.make_secret(tmp_path, "one") != installation.make_secret(tmp_path, "other")


def test_a_secret_that_was_never_made_is_empty(tmp_path: Path) -> None:
    assert installation.read_secret(tmp_path, "secret_key") == ""


def test_addresses_come_back_and_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    addresses = installation.Addresses("postgresql://vatsim:p@/vatsim?host=/s", "redis://:p@h:1")
    installation.write_addresses(tmp_path, addresses)
    assert installation.read_addresses(tmp_path) == addresses
    assert mode(installation.addresses_file(tmp_path)) == 0o600
    assert list(tmp_path.iterdir()) == [installation.addresses_file(tmp_path)]


def test_without_a_set_up_the_usual_addresses_count(tmp_path: Path) -> None:
    assert installation.read_addresses(tmp_path) == installation.USUAL_ADDRESSES
