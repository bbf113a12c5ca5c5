"""Sets the clock of running processes wrong: node and engine, the real ones.

Both ask the vDSO for the time, a page of code that the kernel puts into each process. There
``clock_gettime`` is written over with one that asks the kernel and adds seconds to CLOCK_REALTIME.
Go's static binaries take no preloaded library, and a time namespace does not move that clock.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
from pathlib import Path

import pytest

__all__ = ["children_of", "shift_clock"]

_NAMES = (b"__vdso_clock_gettime", b"clock_gettime")
_DYNSYM = 11


def _code(seconds: int) -> bytes:
    return (
        b"\xb8\xe4\x00\x00\x00"  # mov eax, SYS_clock_gettime
        b"\x0f\x05"  # syscall; rdi and rsi are its arguments already
        b"\x48\x85\xc0\x75\x0b"  # test rax, rax; jnz to ret
        b"\x85\xff\x75\x07"  # test edi, edi; jnz to ret: CLOCK_REALTIME is 0
        b"\x48\x81\x06" + struct.pack("<i", seconds) + b"\xc3"  # add qword [rsi], seconds; ret
    )


def children_of(pid: int) -> list[int]:
    """The ids of a process and of all that descend from it."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text("ascii", "replace").rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


def shift_clock(pids: list[int], seconds: int) -> None:
    """From now on these processes see a clock that is ``seconds`` ahead (or behind, negative).

    Once for each process. Skips where it is not possible: other machines than x86_64.
    """
    if platform.machine() != "x86_64":
        pytest.skip("the clock can be shifted on x86_64 only")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        for pid in pids:
            _write_over(pid, _code(seconds))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _write_over(pid: int, code: bytes) -> None:
    for line in Path(f"/proc/{pid}/maps").read_text("ascii").splitlines():
        if line.endswith("[vdso]"):
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            break
    else:
        pytest.skip("this kernel gives processes no vDSO")
    descriptor = os.open(f"/proc/{pid}/mem", os.O_RDWR)
    try:
        image = os.pread(descriptor, end - start, start)
        offset, size = _function(image)
        assert size >= len(code) or size == 0, size
        os.pwrite(descriptor, code, start + offset)
    finally:
        os.close(descriptor)


def _function(image: bytes) -> tuple[int, int]:
    """Where ``clock_gettime`` begins in the vDSO's ELF image, and its length."""
    (sections,) = struct.unpack_from("<Q", image, 40)
    entry, count = struct.unpack_from("<HH", image, 58)
    for number in range(count):
        kind = struct.unpack_from("<I", image, sections + number * entry + 4)[0]
        if kind != _DYNSYM:
            continue
        at, length, link = struct.unpack_from("<QQI", image, sections + number * entry + 24)
        (names,) = struct.unpack_from("<Q", image, sections + link * entry + 24)
        for symbol in range(at, at + length, 24):
            name, _, _, _, value, size = struct.unpack_from("<IBBHQQ", image, symbol)
            if ctypes.string_at(image[names + name :]) in _NAMES:
                return value, size
    raise AssertionError("the vDSO has no clock_gettime")
