"""
MQL5 to C++ for g++: our own sources only, and only what they use. It is a test tool: the terminal compiles the originals.

MQL5 is close to C++; what differs is rewritten (arrays, strings, literals, `input`, `this.`, includes, missing prototypes).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

_TOKEN = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)"
    r"|(?P<literal>\b[DC]'[^'\n]*')"
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<letter>'(?:\\.|[^'\\\n])+')"
    r"|(?P<directive>^[ \t]*\#[^\n]*)",
    re.S | re.M,
)
_PROTOTYPE = re.compile(r"^((?:const\s+)?[A-Za-z_]\w*(?:\s*\*)?)\s+([A-Za-z_]\w*)\s*\(([^;{}()]*)\)\s*\n?\s*\{", re.M)


_DEFAULT = re.compile(r"\s*=\s*[^,]+")


class Untranslatable(Exception):
    """Raised for what our MQL5 must not use, because no test could then run it."""


def translate(program: Path, include_roots: list[Path], out: Path) -> Path:
    """Write `program` and all it includes as C++ into ``out``; return the header that holds the whole program."""
    out.mkdir(parents=True, exist_ok=True)
    body = _Translation(include_roots, out).convert(program)
    lines = body.split("\n")
    after = max((number for number, line in enumerate(lines) if line.startswith("#include")), default=-1) + 1
    main = out / f"{program.stem}.hpp"
    parts = [
        '#include "mql5.hpp"',
        *lines[:after],
        *_prototypes(body),
        f'#line {after + 1} "{program.name}"',
        *lines[after:],
    ]
    main.write_text("\n".join(parts), "utf-8")
    return main


class _Translation:
    def __init__(self, include_roots: list[Path], out: Path) -> None:
        self.roots, self.out, self.seen = include_roots, out, set[Path]()

    def convert(self, path: Path) -> str:
        text = path.read_text("utf-8-sig").replace("\r\n", "\n")
        held: list[str] = []
        plain, at = "", 0
        for found in _TOKEN.finditer(text):
            plain += text[at : found.start()]
            at = found.end()
            held.append(self._token(found, path))
            plain += f"\x01{len(held) - 1}\x02"
        code = _rewrite(plain + text[at:])
        return re.sub("\x01(\\d+)\x02", lambda mark: held[int(mark[1])], code)

    def _token(self, found: re.Match[str], path: Path) -> str:
        word = found[0]
        if found["comment"]:
            return "\n" * word.count("\n")
        if found["literal"]:
            return _literal(word)
        if found["string"]:
            return word + "_s"
        if found["letter"]:
            return "(ushort)" + word
        return self._directive(word.strip(), path)

    def _directive(self, line: str, path: Path) -> str:
        include = re.match(r'#\s*include\s*(["<])([^">]+)[">]', line)
        if include:
            return f'#include "{self._include(include[1], include[2], path)}"'
        if re.match(r"#\s*property\b", line):
            return ""
        if re.match(r"#\s*(define|ifndef|ifdef|endif|else|undef)\b", line):
            return line
        raise Untranslatable(f"{path.name}: {line}")

    def _include(self, kind: str, name: str, path: Path) -> str:
        name = name.replace("\\", "/")
        places = [path.parent / name] if kind == '"' else [root / name for root in self.roots]
        hit = next((place.resolve() for place in places if place.exists()), None)
        if hit is None:
            raise Untranslatable(f"{path.name}: {name} is not found")
        target = self.out / f"{hit.parent.name}_{hit.name}.hpp"
        if hit not in self.seen:
            self.seen.add(hit)
            body = self.convert(hit)
            parts = ["#pragma once", *_prototypes(body), f'#line 1 "{hit.name}"', body]
            target.write_text("\n".join(_includes_first(parts)), "utf-8")
        return target.name


def _includes_first(parts: list[str]) -> list[str]:
    # Prototypes may name types of an included file: what is included goes before them.
    body = parts[-1].split("\n")
    includes = [line for line in body if line.startswith("#include")]
    rest = "\n".join("" if line.startswith("#include") else line for line in body)
    own_types = [f"struct {name};" for name in re.findall(r"^struct\s+(\w+)", rest, re.M)]
    return [parts[0], *includes, *own_types, *_enums(rest), *parts[1:-1], _without_enums(rest)]


def _enums(body: str) -> list[str]:
    return re.findall(r"^enum\s+\w+\s*\{[^}]*\};", body, re.M)


def _without_enums(body: str) -> str:
    return re.sub(r"^enum\s+\w+\s*\{[^}]*\};", lambda found: "\n" * found[0].count("\n"), body, flags=re.M)


def _rewrite(code: str) -> str:
    code = re.sub(r"^[ \t]*s?input\s+group\b[^;\n]*;?[ \t]*$", "", code, flags=re.M)
    code = re.sub(r"^([ \t]*)s?input\s+", r"\1", code, flags=re.M)
    code = re.sub(r"\bthis\.", "this->", code)
    code = re.sub(r"\bNULL\b", "MQLNULL", code)
    code = re.sub(
        r"(const\s+)?([A-Za-z_]\w*)\s*&\s*(\w+)\s*\[\s*\]",
        lambda found: f"{found[1] or ''}MqlArray<{found[2]}> &{found[3]}",
        code,
    )
    return re.sub(
        r"([;{}\n]\s*)([A-Za-z_]\w*)[ \t]+(\w+\s*\[\s*\](?:\s*,\s*\w+\s*\[\s*\])*)(\s*;)",
        _array_member,
        code,
    )


def _array_member(found: re.Match[str]) -> str:
    names = re.sub(r"\[\s*\]", "", found[3])
    return f"{found[1]}MqlArray<{found[2]}> {names}{found[4]}"


def _literal(word: str) -> str:
    if word[0] == "D":
        numbers = [int(part) for part in re.findall(r"\d+", word)]
        return f"{int(datetime(*numbers, tzinfo=UTC).timestamp())}L"  # type: ignore[misc,arg-type]
    red, green, blue = (int(part, 0) for part in word[2:-1].split(","))
    return f"{red | green << 8 | blue << 16}U"


def _prototypes(body: str) -> list[str]:
    """Return prototypes of the functions at column 0: MQL5 needs none."""
    found = [
        match for match in _PROTOTYPE.finditer(body) if match[1] not in ("class", "struct", "enum", "else", "return")
    ]
    return [f"{match[1]} {match[2]}({_DEFAULT.sub('', match[3])});" for match in found]
