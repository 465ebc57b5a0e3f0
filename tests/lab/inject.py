"""Makes another process do a system call, as if a taken-over role did it: ptrace, x86_64.

The shipped program is tested as it is: no hook is compiled into it. The call runs in the role itself, under its
capabilities, seccomp filter and Landlock domain.
"""

import ctypes
import os
import platform
import signal
import struct

USABLE = platform.machine() == "x86_64"
NR = {"read": 0, "write": 1, "close": 3, "socket": 41, "connect": 42, "sendto": 44, "fork": 57, "execve": 59, "kill": 62,
      "ptrace": 101, "setuid": 105, "prctl": 157, "mount": 165, "chmod": 90, "unlink": 87, "mkdir": 83, "openat": 257,
      "unshare": 272, "bpf": 321, "execveat": 322, "getpid": 39, "process_vm_readv": 310, "io_uring_setup": 425,
      "userfaultfd": 323, "perf_event_open": 298, "init_module": 175, "clone3": 435, "memfd_create": 319, "getuid": 102}
ATTACH, DETACH, GETREGS, SETREGS, SINGLESTEP = 16, 17, 12, 13, 9
REGISTERS = ["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax",
             "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"]
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


class Killed(Exception):
    """The kernel ended the process for the call (seccomp)."""


def _ptrace(request, pid, data=None):
    if _libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")


def _registers(pid):
    buffer = ctypes.create_string_buffer(len(REGISTERS) * 8)
    _ptrace(GETREGS, pid, ctypes.cast(buffer, ctypes.c_void_p))
    return dict(zip(REGISTERS, struct.unpack(f"={len(REGISTERS)}Q", buffer.raw)))


def _set_registers(pid, values):
    raw = struct.pack(f"={len(REGISTERS)}Q", *(values[name] & 0xffffffffffffffff for name in REGISTERS))
    _ptrace(SETREGS, pid, ctypes.cast(ctypes.create_string_buffer(raw, len(raw)), ctypes.c_void_p))


def _syscall_instruction(pid):
    """Address of a `syscall` instruction in the process (its vDSO has one)."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        for line in maps:
            if line.rstrip().endswith("[vdso]"):
                begin, end = (int(word, 16) for word in line.split()[0].split("-"))
                with open(f"/proc/{pid}/mem", "rb") as memory:
                    memory.seek(begin)
                    at = memory.read(end - begin).find(b"\x0f\x05")
                    if at >= 0:
                        return begin + at
    raise LookupError("no syscall instruction found")


def call(pid, name, *args):
    """The result of the call (negative errno on failure); bytes arguments are put onto its stack. Killed when it died."""
    _ptrace(ATTACH, pid)
    os.waitpid(pid, 0x40000000)
    alive = True
    try:
        saved = _registers(pid)
        place = (saved["rsp"] - 8192) & ~15
        values = []
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            for arg in args:
                if isinstance(arg, bytes):
                    memory.seek(place)
                    memory.write(arg + b"\0")
                    values.append(place)
                    place += (len(arg) + 16) & ~15
                else:
                    values.append(arg)
        values += [0] * (6 - len(values))
        changed = dict(saved, rax=NR[name], orig_rax=0xffffffffffffffff, rip=_syscall_instruction(pid))
        changed.update(zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), values))
        _set_registers(pid, changed)
        _ptrace(SINGLESTEP, pid)
        _, status = os.waitpid(pid, 0x40000000)
        if os.WIFSIGNALED(status):
            alive = False
            raise Killed(signal.Signals(os.WTERMSIG(status)).name)
        if os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSYS:
            _ptrace(DETACH, pid, ctypes.c_void_p(int(signal.SIGSYS)))
            alive = False
            raise Killed("SIGSYS")
        result = _registers(pid)["rax"]
        if not (name in ("execve", "execveat") and result == 0):     # else it is another program now
            _set_registers(pid, saved)
        return result - (1 << 64) if result >> 63 else result
    finally:
        if alive:
            _ptrace(DETACH, pid)


def descriptors(pid):
    """{fd: what it is} of a process."""
    out = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            out[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            pass
    return out


def packet_sockets(pid):
    """Descriptors of a process that are packet sockets."""
    with open(f"/proc/{pid}/net/packet", encoding="ascii") as file:
        inodes = {line.split()[8] for line in file.readlines()[1:]}
    return [fd for fd, what in descriptors(pid).items() if what.startswith("socket:[") and what[8:-1] in inodes]
