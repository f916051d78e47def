from pathlib import Path

import pytest

from vatsim_site.embedded import places
from vatsim_site.embedded.account import Account
from vatsim_site.embedded.places import PlaceError, find_places


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "outside_folder", lambda _: tmp_path / "outside")
    return tmp_path / "outside"


@pytest.fixture
def var_dir(tmp_path: Path) -> Path:
    (tmp_path / "var").mkdir()
    return tmp_path / "var"


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Account, "can_reach", lambda *_: False)


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Account, "can_reach", lambda *_: True)


@pytest.mark.usefixtures("reachable", "outside")
def test_data_lie_in_var_dir_where_the_account_can_enter_it(var_dir: Path) -> None:
    found = find_places(var_dir)
    assert found.home == var_dir / "servers"
    assert found.home.stat().st_mode & 0o777 == 0o700
    assert found.home.stat().st_uid == found.account.uid


@pytest.mark.usefixtures("unreachable")
def test_data_lie_outside_where_the_account_can_not_enter_var_dir_and_that_is_said(
    var_dir: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find_places(var_dir).home == outside
    assert str(outside) in capsys.readouterr().out


@pytest.mark.usefixtures("reachable")
def test_data_that_lie_outside_stay_in_use(var_dir: Path, outside: Path) -> None:
    (outside / "postgres").mkdir(parents=True)
    assert find_places(var_dir).home == outside


@pytest.mark.usefixtures("unreachable", "outside")
def test_data_that_became_unreachable_are_not_replaced_by_new_ones(var_dir: Path) -> None:
    (var_dir / "servers" / "postgres").mkdir(parents=True)
    with pytest.raises(PlaceError, match="which holds the data"):
        find_places(var_dir)


@pytest.mark.usefixtures("unreachable")
def test_a_link_that_somebody_laid_outside_is_refused(
    var_dir: Path, outside: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    outside.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PlaceError, match="belongs to somebody else"):
        find_places(var_dir)


@pytest.mark.usefixtures("reachable")
def test_sockets_have_short_paths_however_long_that_of_var_dir_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_make_outside_folder", lambda *_: tmp_path)
    deep = tmp_path.joinpath("a" * 60, "b" * 60)
    deep.mkdir(parents=True)
    found = find_places(deep)
    assert found.sockets == tmp_path / "sockets"
    assert found.control == tmp_path / "run"


def test_each_var_dir_has_a_place_of_its_own_outside() -> None:
    assert places.outside_folder(Path("/a")) != places.outside_folder(Path("/b"))
    assert places.outside_folder(Path("/a")) == places.outside_folder(Path("/a"))
    assert len(str(places.outside_folder(Path("/a" * 500)))) < 40
