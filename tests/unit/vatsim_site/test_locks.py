"""The lock files hold what pyproject.toml asks for, checked without a network."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
WANTED = {
    "requirements.lock": PROJECT["project"]["dependencies"],
    "requirements-dev.lock": PROJECT["project"]["dependencies"] + GROUPS["dev"],
    "requirements-node.lock": GROUPS["node"],
}
LOCKS = tuple(WANTED)
ENTRY = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[.*?\])?==(\S+)", re.MULTILINE)


def locked(name: str) -> set[tuple[str, str]]:
    """Names and versions; a package has several where they depend on Python or the machine."""
    found = ENTRY.findall((ROOT / name).read_text())
    return {(canonicalize_name(package), version) for package, version in found}


def asked_for(lock: str) -> list[Requirement]:
    return [Requirement(text) for text in WANTED[lock]]


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_has_every_dependency_in_a_version_that_fits(lock: str) -> None:
    versions = locked(lock)
    unfit = [
        str(wanted)
        for wanted in asked_for(lock)
        if not (fitting := [v for name, v in versions if name == canonicalize_name(wanted.name)])
        or not all(wanted.specifier.contains(version) for version in fitting)
    ]
    assert not unfit, f"not in {lock}: {unfit}; run `make locks`"


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_has_nothing_that_the_project_no_longer_asks_for(lock: str) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / lock).read_text())
    direct = {
        canonicalize_name(entry.partition("==")[0].partition("[")[0])
        for entry in entries
        if "vatsim-data-collection" in entry
    }
    assert direct <= {canonicalize_name(wanted.name) for wanted in asked_for(lock)}


def test_tests_run_on_the_versions_that_users_get() -> None:
    assert locked("requirements.lock") <= locked("requirements-dev.lock")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", text)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert not re.search(r"^--?(index|extra|find|trusted|i|f)\b", text, re.MULTILINE)
