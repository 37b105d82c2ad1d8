"""A view of the file system in which whatever is written is seen by this process alone, and gone with it.

Linux lets a process have mounts of its own, if need be as the root of a user namespace of its own. Over every folder
that holds data an overlay is put, whose upper layer is in memory.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_NO_DATA = {
    *("proc", "sysfs", "devtmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "securityfs", "debugfs", "tracefs"),
    *("bpf", "pstore", "configfs", "fusectl", "hugetlbfs", "autofs", "binfmt_misc", "nsfs", "rpc_pipefs", "ramfs"),
}
_SYSTEM = {"proc", "sys", "dev", "run", "usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "boot"}

_libc = ctypes.CDLL(None, use_errno=True)


def write_unseen() -> None:
    """From here on nothing that this process writes to the file system is seen by another.

    Raises OSError where the system does not allow that. The process must have one thread.
    """
    here, scratch = _here(), tempfile.gettempdir()
    _own_namespace()
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    folders = [(folder, os.open(folder, os.O_PATH)) for folder in _folders()]
    _mount("tmpfs", scratch, "tmpfs", 0)
    folders.sort(key=lambda each: _is_within(scratch, each[0]))  # what covers the upper layers comes last
    for number, (folder, handle) in enumerate(folders):
        layers = f"{scratch}/{number}"
        for layer in ("upper", "work"):
            os.makedirs(f"{layers}/{layer}")
        options = f"lowerdir=/proc/self/fd/{handle},upperdir={layers}/upper,workdir={layers}/work"
        _mount("overlay", folder, "overlay", 0, options)
        os.close(handle)
    if here:
        os.chdir(here)


def _here() -> str:
    """The working directory; "" where it is gone."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _is_within(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")


def _own_namespace() -> None:
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWNS) == 0:
        return
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "this system gives no process a file system of its own")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    done = _libc.mount(
        source.encode(), os.fsencode(target), kind.encode() if kind else None, flags, options.encode() or None
    )
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)}: {kind or 'private mounts'} on {target}")


def _folders() -> list[str]:
    """Every mount that holds data, and the folders of the root that are no mounts, the outer before the inner."""
    points: dict[str, tuple[str, bool]] = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        words = before.split()
        points[words[4].replace("\\040", " ")] = (after.split()[0], "ro" in words[5].split(","))
    data = {point for point, (kind, fixed) in points.items() if kind not in _NO_DATA and not fixed and point != "/"}
    roots = {f"/{entry.name}" for entry in os.scandir("/") if entry.is_dir(follow_symlinks=False)}
    found = data | {root for root in roots if root.lstrip("/") not in _SYSTEM and root not in points}
    return sorted(
        folder for folder in found if os.path.isdir(folder) and not folder.startswith(("/proc", "/sys", "/dev"))
    )
