"""What a target can, and how one ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import CommandError
from engine.protocol.command_table import parse
from nnwalk_tui.client.ending import ending, out_of_memory_kills
from nnwalk_tui.client.target import Can, check


@pytest.mark.parametrize("text", ["back op", "goto 1:1", "reverse-run", "switch main"])
def test_a_target_that_cannot_go_back_is_not_asked_to(text: str) -> None:
    with pytest.raises(CommandError, match="cannot go back"):
        check(Can(back=False), parse(text))
    check(Can(back=False), parse("step op"))
    check(Can(), parse(text))


def test_a_target_that_cannot_be_changed_is_not_asked_to() -> None:
    with pytest.raises(CommandError, match="cannot be changed"):
        check(Can(edit=False), parse("freeze 1"))
    check(Can(edit=False), parse("print loss"))


@pytest.mark.parametrize(
    ("status", "before", "after", "said"),
    [
        (1, 0, 1, "exit status 1"),
        (-9, None, None, "killed by signal 9, SIGKILL"),
        (-9, 2, 2, "killed by signal 9, SIGKILL"),
        (-11, 0, 1, "killed by signal 11, SIGSEGV"),
    ],
)
def test_an_end_is_told_as_the_system_tells_it(status: int, before: int | None, after: int | None, said: str) -> None:
    assert ending(status, before, after) == said


def test_memory_is_to_blame_only_where_the_kernel_has_counted_it() -> None:
    assert "out of memory" in ending(-9, 2, 3)


@pytest.mark.parametrize(
    ("line", "file", "text"),
    [
        ("0::/user/one", "user/one/memory.events", "low 0\noom 4\noom_kill 3\n"),
        ("0::/in/a/container", "memory.events", "oom_kill 3\n"),
        ("9:pids:/\n4:memory:/job", "memory/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
    ],
)
def test_the_control_group_s_own_count_is_read(line: str, file: str, text: str, tmp_path: Path) -> None:
    membership, mounted = tmp_path / "cgroup", tmp_path / "mounted"
    membership.write_text(line + "\n", encoding="utf-8")
    (mounted / file).parent.mkdir(parents=True)
    (mounted / file).write_text(text, encoding="utf-8")
    assert out_of_memory_kills(membership, mounted) == 3


def test_where_no_count_is_kept_none_is_made_up(tmp_path: Path) -> None:
    assert out_of_memory_kills(tmp_path / "nothing", tmp_path) is None
