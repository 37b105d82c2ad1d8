"""How a process ended, as the system tells it: nothing is guessed."""

from __future__ import annotations

import signal
from pathlib import Path

_MEMBERSHIP = Path("/proc/self/cgroup")
_MOUNTED = Path("/sys/fs/cgroup")
_FILES = {"": "memory.events", "memory": "memory.oom_control"}  # by controller: the second version has one for all


def ending(status: int, killed_before: int | None, killed_after: int | None) -> str:
    """The end of a process with this exit status, which is −n for signal n.

    `killed_before` and `killed_after` are what `out_of_memory_kills` said when it started and when it had ended.
    """
    if status >= 0:
        return f"exit status {status}"
    said = f"killed by signal {-status}, {_name(-status)}"
    evidence = None not in (killed_before, killed_after) and killed_before != killed_after
    if -status == signal.SIGKILL and evidence:
        return f"{said}: out of memory (the kernel killed a process of its control group for it)"
    return said


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}" if hasattr(signal, "SIGRTMIN") else "unknown"


def out_of_memory_kills(membership: Path = _MEMBERSHIP, mounted: Path = _MOUNTED) -> int | None:
    """How often the kernel has killed a process of this one's control group for want of memory.

    A child is in the same group unless something moves it. None where the system keeps no such count.
    """
    for controller, path in _groups(membership):
        for place in (mounted / controller / path, mounted / controller):  # a container may see its group as the root
            count = _count(place / _FILES[controller])
            if count is not None:
                return count
    return None


def _groups(membership: Path) -> list[tuple[str, str]]:
    """This process's groups that count memory: controller and path."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    rows = [line.split(":", 2) for line in lines]
    return [(row[1], row[2].lstrip("/")) for row in rows if len(row) == 3 and row[1] in _FILES]


def _count(file: Path) -> int | None:
    try:
        words = file.read_text(encoding="utf-8").split()
    except OSError:
        return None
    return int(words[words.index("oom_kill") + 1]) if "oom_kill" in words else None
