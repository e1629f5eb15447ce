"""Who may read a secret's file, by Windows' access lists; the lists below were read from files under Wine or written by icacls."""

from __future__ import annotations

import pytest

from executor_agent.permissions import is_open, remedy_for

ME = "S-1-5-21-3623811015-3361044348-30300820-1013"


@pytest.mark.parametrize(
    "sddl",
    [
        f"D:PAI(A;;FR;;;{ME})",
        f"D:(A;;FA;;;SY)(A;;FA;;;{ME})",
        f"D:PAI(A;;FA;;;{ME})(A;;FA;;;SY)(A;;FA;;;BA)",
        "D:PAI",
        f"D:PAI(D;;FA;;;WD)(A;;FA;;;{ME})",
        f"D:AI(A;OICIIO;GA;;;AU)(A;ID;FA;;;{ME})",
        f"D:PAI(A;;FA;;;{ME})(A;;0x100000;;;BU)",
        f"D:PAI(A;;FX;;;BU)(A;;FA;;;{ME})",
    ],
    ids=["icacls", "wine-600", "with-administrators", "nobody", "denied", "inherited-below", "no-data", "execute"],
)
def test_a_file_of_one_person_the_system_and_administrators_is_closed(sddl: str) -> None:
    assert not is_open(sddl)


@pytest.mark.parametrize(
    "sddl",
    [
        f"D:(A;;FA;;;SY)(A;;FA;;;{ME})(A;;0x1200a9;;;WD)",
        "D:AI(A;ID;FA;;;BA)(A;ID;FA;;;SY)(A;ID;0x1200a9;;;BU)(A;ID;0x1301bf;;;AU)",
        "D:AI(A;ID;FR;;;S-1-1-0)",
        "D:AI(A;ID;GA;;;S-1-5-32-545)",
        "D:AI(A;ID;FXFR;;;IU)",
        "D:AI(A;ID;FR;;;S-1-5-21-3623811015-3361044348-30300820-513)",
        "D:NO_ACCESS_CONTROL",
        "",
    ],
    ids=["wine-644", "folder-on-c", "everyone", "users", "interactive", "domain-users", "no-list", "nothing-said"],
)
def test_a_file_that_a_large_group_reads_is_open(sddl: str) -> None:
    assert is_open(sddl)


@pytest.mark.skipif("sys.platform == 'win32'", reason="Windows has access lists, no modes")
def test_the_remedy_names_the_command_and_a_closed_file_needs_none(tmp_path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("s")
    path.chmod(0o644)
    assert remedy_for(path) == f"chmod 600 {path}"

    path.chmod(0o600)
    assert remedy_for(path) == ""
