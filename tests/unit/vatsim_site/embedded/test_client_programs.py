from pathlib import Path

from vatsim_site.embedded.programs import client_folders


def test_the_carried_programs_can_dump_and_restore(monkeypatch):
    monkeypatch.delenv("PG_BIN", raising=False)
    folders = client_folders()
    assert any((folder / "pg_dump").exists() for folder in folders)
    assert any((folder / "pg_restore").exists() for folder in folders)


def test_a_chosen_folder_stands_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    assert client_folders() == [Path(tmp_path)]


def test_programs_on_the_path_are_found(monkeypatch, tmp_path):
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.delenv("PG_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tmp_path in client_folders()
