"""Texts on disk: in order, complete, for nobody else to read, and none lost to a broken one."""

import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.provider import Inbound
from bot.spool import Spool
from tests.conftest import NOW


def make_text(number: int) -> Inbound:
    return Inbound(f"SM{number}", "+12025550101", f"text {number} ü 🙏", media=number)


def test_texts_come_back_whole_and_in_the_order_they_came(tmp_path: Path) -> None:
    spool, taken = Spool(tmp_path / "spool"), []
    for number in (2, 0, 1):
        spool.add(make_text(number), NOW + timedelta(seconds=number))
    assert spool.count() == 3

    def receive(text: Inbound, at: datetime) -> bool:
        taken.append((text, at))
        return True

    assert spool.take_in(receive) == 3

    assert taken == [(make_text(number), NOW + timedelta(seconds=number)) for number in range(3)]
    assert spool.count() == 0


def test_those_that_come_while_others_are_taken_in_do_not_wait_for_the_next_time(tmp_path: Path) -> None:
    spool, taken = Spool(tmp_path / "spool"), []
    spool.add(make_text(0), NOW)

    def receive(text: Inbound, _at: object) -> bool:
        taken.append(text.provider_id)
        if len(taken) < 3:
            spool.add(make_text(len(taken)), NOW)
        return True

    assert spool.take_in(receive) == 3
    assert taken == ["SM0", "SM1", "SM2"]


def test_only_this_user_can_read_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.add(make_text(1), NOW)
    [file] = (tmp_path / "spool").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_failure_leaves_that_text_and_the_rest_for_later(tmp_path: Path) -> None:
    spool, taken = Spool(tmp_path / "spool"), []
    for number in range(3):
        spool.add(make_text(number), NOW + timedelta(seconds=number))

    def receive(text: Inbound, _at: object) -> bool:
        if text.provider_id == "SM1":
            raise ConnectionError
        taken.append(text.provider_id)
        return True

    with pytest.raises(ConnectionError):
        spool.take_in(receive)
    assert taken == ["SM0"]
    assert spool.count() == 2


def test_a_file_that_cannot_be_read_is_set_aside_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path / "spool")
    spool.add(make_text(1), NOW)
    (tmp_path / "spool" / "0.json").write_text('{"provider_id": ')

    assert spool.take_in(lambda text, _at: text == make_text(1)) == 1
    assert (tmp_path / "spool" / "0.bad").exists()
    assert "0.json" in caplog.text


def test_nothing_half_written_is_left_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "spool")

    def fail(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bot.spool.os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        spool.add(make_text(1), NOW)
    assert list((tmp_path / "spool").iterdir()) == []
