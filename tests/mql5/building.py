"""Our MQL5, translated and compiled once a session, and spoken to line by line."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.mql5.translate import translate

HERE = Path(__file__).parent
MQL5 = HERE.parents[1] / "mql5"
PROGRAMS = {
    "client": HERE / "programs" / "Client.mq5",
    "monitor": MQL5 / "Experts" / "RiskMind" / "RiskMindMonitor.mq5",
    "example": MQL5 / "Experts" / "RiskMind" / "RiskMindExample.mq5",
}
COMPILER = shutil.which("g++")


def build() -> dict[str, Path]:
    """Compile all programs side by side; return their paths. What has not changed is not compiled again."""
    folder = Path(tempfile.gettempdir()) / f"mikrobot-mql5-{_digest()}"
    running = {name: _start(name, source, folder) for name, source in PROGRAMS.items()}
    for name, process in running.items():
        if process is not None:
            _, problems = process.communicate(timeout=300)
            if process.returncode:
                raise AssertionError(f"{name} does not compile:\n{problems}")
            (folder / f"{name}.new").rename(folder / name)
    return {name: folder / name for name in PROGRAMS}


def _start(name: str, source: Path, folder: Path) -> subprocess.Popen[str] | None:
    if (folder / name).exists():
        return None
    out = folder / f"{name}-source"
    translate(source, [MQL5 / "Include", HERE / "shim"], out)
    includes = [f"-I{out}", f"-I{HERE / 'shim'}", f"-I{HERE / 'programs'}"]
    words = [COMPILER or "g++", "-std=c++17", "-O0", "-Wall", "-Wno-unused", "-Wno-misleading-indentation", *includes]
    words += [str(HERE / "programs" / f"{name}.cpp"), "-o", str(folder / f"{name}.new")]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)


def _digest() -> str:
    files = sorted([*MQL5.rglob("*.mq*"), *HERE.rglob("*.*pp"), *HERE.rglob("*.mq*"), HERE / "translate.py"])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


class Talk:
    """A running program: one line in, one line out."""

    def __init__(self, program: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [str(program), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def say(self, *words: object) -> str:
        """Send a command; return the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the program ended at {words}"
        return answer.rstrip("\n")

    def close(self) -> None:
        """End the program."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
