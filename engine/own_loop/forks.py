"""Forks that hear and harm nobody: what a copy of a running script must have of its own, and must not reach."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import multiprocessing
import os
import random
import signal
import stat
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

_PR_SET_PDEATHSIG = 1
_OMP_PAUSE_HARD = 2
_WRITERS = ("_AsyncWriterThread",)  # TensorBoard's: it writes what is put into its queue
_REDRAWING: dict[
    str, Callable[[Any], Any]
] = {  # what only redraws, a class of threads, and the lock that it holds meanwhile
    "TMonitor": lambda thread: thread.tqdm_cls.get_lock(),
    "_RefreshThread": lambda thread: thread.live._lock,  # rich's
}


def obstacle() -> str:
    """Why this process could not be copied and go on; "" where it can."""
    if sys.platform != "linux":
        return "the way back needs Linux"
    if torch.cuda.is_initialized():
        return "CUDA is in use, and a copy of this process could not use it"
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return "the script is in a process group"
    if os.environ.get("NNWALK_NO_FORKS"):
        return "forks are switched off (NNWALK_NO_FORKS)"
    if (count := len(multiprocessing.active_children())) > 0:
        return f"the script has {count} processes of its own, loader workers among them: try num_workers=0"
    others = [t.name for t in threading.enumerate() if t is not threading.main_thread() and not _is_harmless(t)]
    if others:
        return f"the script runs a thread of its own ({others[0]})"
    return ""


def _is_harmless(thread: threading.Thread) -> bool:
    return thread.name == "hang-up" or type(thread).__name__ in (*_REDRAWING, *_WRITERS)  # the first is ours


def writers() -> list[threading.Thread]:
    """Threads that write what the script gives them, and are not there in a copy."""
    return [thread for thread in threading.enumerate() if type(thread).__name__ in _WRITERS]


def mute(threads: list[threading.Thread]) -> None:
    """In a copy: what is given to these is dropped, since nobody takes it out of their queues."""
    for thread in threads:
        queue = vars(thread)["_queue"]
        queue.put = lambda *item, **options: None
        queue.join = lambda: None
    if "tqdm" in sys.modules:
        sys.modules["tqdm"].tqdm.set_lock(threading.RLock())  # its own is shared by all processes


def fork() -> int:
    """`os.fork` of a process in which torch has threads and Python random numbers; both go on alike in the child."""
    numbers = random.getstate()
    _pause_threads()
    with warnings.catch_warnings(), contextlib.ExitStack() as locks:
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which the child does without
        for thread in threading.enumerate():
            if lock_of := _REDRAWING.get(type(thread).__name__):
                locks.enter_context(lock_of(thread))  # a lock that another thread holds would be held for good
        pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        random.setstate(numbers)
    return pid


def _pause_threads() -> None:
    """Let OpenMP end its threads: in a child they would be waited for, and are not there."""
    if torch.get_num_threads() > 1:
        for library in (Path(torch.__file__).parent / "lib").glob("libgomp*"):
            pause = getattr(ctypes.CDLL(str(library)), "omp_pause_resource_all", None)
            if pause is not None:
                pause(_OMP_PAUSE_HARD)


def _files() -> Iterator[tuple[int, int, os.stat_result]]:
    """Descriptor, flags and kind of everything that is open."""
    for name in os.listdir("/proc/self/fd"):
        try:
            number = int(name)
            yield number, fcntl.fcntl(number, fcntl.F_GETFL), os.fstat(number)
        except OSError:  # the listing itself
            continue


def have_own_files(keep: set[int]) -> None:
    """Places in open files are shared with the parent: have one's own. Sockets and the terminal are let go."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number, flags, about in list(_files()):
        if number in keep or number == nowhere:
            continue
        if number <= 2 or stat.S_ISSOCK(about.st_mode):
            os.dup2(nowhere, number)
        elif stat.S_ISREG(about.st_mode):
            place = os.lseek(number, 0, os.SEEK_CUR)
            _replace(number, os.open(f"/proc/self/fd/{number}", flags & (os.O_ACCMODE | os.O_APPEND)), place)


def write_to_copies() -> None:
    """What is open for writing becomes a copy in memory, as far as it had been written."""
    for number, flags, about in list(_files()):
        if stat.S_ISREG(about.st_mode) and flags & os.O_ACCMODE != os.O_RDONLY:
            place = os.lseek(number, 0, os.SEEK_CUR)
            copy = os.memfd_create("replayed")
            source = os.open(f"/proc/self/fd/{number}", os.O_RDONLY)
            length = about.st_size if flags & os.O_ACCMODE == os.O_RDWR else place
            os.sendfile(copy, source, 0, min(length, about.st_size))
            os.close(source)
            _replace(number, copy, place)


def _replace(number: int, by: int, place: int) -> None:
    os.lseek(by, place, os.SEEK_SET)
    os.dup2(by, number, inheritable=False)
    os.close(by)
