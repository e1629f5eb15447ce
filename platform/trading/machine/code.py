"""Machine code of one kernel for one set of argument kinds: made of what a compiler wrote, loaded and called without it."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from trading.machine.arguments import NUMBERS, Kind, parts

Result = str | tuple[str, ...] | None
"""What comes back: a number, a tuple of numbers, or nothing; numbers as in `NUMBERS`."""

_DOOR = "called_with_bytes"


@dataclass(frozen=True, slots=True)
class MachineCode:
    """An object file for this processor with one door, and what comes back through it."""

    object_file: bytes
    result: Result


@cache
def target() -> str:
    """Name what machine code is made for and by: the platform, the processor, its features, and the version of LLVM."""
    import llvmlite.binding as llvm

    return " ".join((llvm.get_process_triple(), *_processor(), *map(str, llvm.llvm_version_info)))


def _processor() -> tuple[str, str]:
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def assemble(text: str, symbol: str, kinds: Sequence[Kind], result: Result) -> MachineCode | None:
    """
    Turn LLVM's text of a compiled kernel into machine code.

    None where it would not run by itself: where it calls what only its compiler has, or is not called as `flatten` would.
    """
    import llvmlite.binding as llvm

    types = [name for _, name in parts(kinds)]
    module = llvm.parse_assembly(text)
    takes = [str(argument.type) for argument in module.get_function(symbol).arguments]
    calls = [one.name for one in module.functions if one.is_declaration and not one.name.startswith("llvm.")]
    if calls or takes != ["ptr", "ptr", *types]:
        return None
    whole = llvm.parse_assembly(text + write_door(symbol, kinds))
    return MachineCode(_make_machine().emit_object(whole), result)


def write_door(symbol: str, kinds: Sequence[Kind]) -> str:
    """Write a function that reads the arguments from a row of bytes: one way to call them all, on every platform."""
    lines, place = ["%failure = alloca ptr"], 0
    for number, (letter, name) in enumerate(parts(kinds)):
        lines.append(f"%at{number} = getelementptr i8, ptr %bytes, i64 {place}")
        lines.append(f"%with{number} = load {name}, ptr %at{number}, align 1")
        place += struct.calcsize(f"={letter}")
    given = "".join(f", {name} %with{number}" for number, (_, name) in enumerate(parts(kinds)))
    lines += [f'%status = call i32 @"{symbol}"(ptr %out, ptr %failure{given})', "ret i32 %status"]
    body = "\n  ".join(lines)
    return f"\ndefine i32 @{_DOOR}(ptr %out, ptr %bytes) {{\n  {body}\n}}\n"


def _make_machine() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    made_for = llvm.Target.from_triple(llvm.get_process_triple())
    # As numba does: code for x86 is bound to the place it is loaded to.
    reloc = "static" if made_for.name.startswith("x86") else "default"
    cpu, features = _processor()
    return made_for.create_target_machine(
        cpu=cpu, features=features, opt=3, reloc=reloc, codemodel="jitdefault", jit=True
    )


def load(code: MachineCode, kinds: Sequence[Kind]) -> Callable[[Sequence[Any]], Any]:
    """
    Return a function that calls machine code with what `flatten` makes of arguments of these kinds.

    It lets the interpreter's lock go meanwhile, and raises `OverflowError` where a whole number has too many bits for its kind.
    """
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _make_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code.object_file))
    engine.finalize_object()
    return _Door(engine, "".join(letter for letter, _ in parts(kinds)), code.result)


class _Door:
    """Machine code in memory; ``engine`` owns that memory."""

    def __init__(self, engine: Any, letters: str, result: Result) -> None:
        self._engine = engine
        self._enter = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_char_p)(
            engine.get_function_address(_DOOR)
        )
        self._pack = struct.Struct(f"={letters}").pack
        self._is_tuple = isinstance(result, tuple)
        self._out = struct.Struct("".join(NUMBERS[kind][0] for kind in _kinds_of(result)))

    def __call__(self, values: Sequence[Any]) -> Any:
        try:
            given = self._pack(*values)
        except struct.error as problem:
            raise OverflowError(f"a kernel's whole numbers have 64 bits: {problem}") from problem
        # Eight bytes at least: nothing, too, is written somewhere.
        out = ctypes.create_string_buffer(max(self._out.size, 8))
        if status := self._enter(ctypes.addressof(out), given):
            raise RuntimeError(f"machine code ended with {status}")
        found = self._out.unpack_from(out)
        return found if self._is_tuple else found[0] if found else None


def _kinds_of(result: Result) -> tuple[str, ...]:
    return result if isinstance(result, tuple) else () if result is None else (result,)
