"""One stack at a time, in a folder closed to others, that leaves no lock behind."""

from pathlib import Path

import pytest

from app.demo.data_folder import DataFolderError, open_data_folder


def test_it_is_closed_to_others(tmp_path: Path) -> None:
    open_data_folder(tmp_path / "data").release()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_second_one_is_a_sentence(tmp_path: Path) -> None:
    first = open_data_folder(tmp_path / "data")
    with pytest.raises(DataFolderError, match="already running"):
        open_data_folder(tmp_path / "data")
    first.release()


def test_releasing_leaves_no_lock_and_lets_the_next_one_in(tmp_path: Path) -> None:
    open_data_folder(tmp_path / "data").release()
    assert list((tmp_path / "data").iterdir()) == []
    open_data_folder(tmp_path / "data").release()


def test_a_lock_file_that_nobody_holds_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "lock").touch()
    open_data_folder(tmp_path / "data").release()


def test_beginning_anew_removes_everything_but_the_lock(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path)
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "file").touch()
    (tmp_path / "secrets.json").touch()
    folder.clear()
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]
    folder.release()


def test_a_file_in_its_place_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(DataFolderError, match="cannot be used"):
        open_data_folder(tmp_path / "data")
