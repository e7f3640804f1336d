"""Sets up what is missing: system libraries, a virtual environment, the pinned dependencies. Standard library only.

A second run finds its stamp and does nothing. Run by `make`; or by hand: python3 bootstrap.py
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / os.environ.get("VENV", ".venv")
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "govtool-setup.stamp"
PANGO = ("libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libharfbuzz-subset.so.0")
PANGO_PACKAGES = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0")
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def fingerprint() -> str:
    """Changes when what has to be installed changes."""
    digest = hashlib.sha256(sys.version.encode() + str(ROOT).encode())
    for name in ("pyproject.toml", "constraints.txt", "bootstrap.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def main() -> int:
    if sys.version_info < (3, 11):
        print(f"govtool needs Python 3.11 or newer; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    if STAMP.is_file() and STAMP.read_text() == fingerprint():
        return 0
    system_libraries()
    make_venv()
    install()
    STAMP.write_text(fingerprint())
    print(f"set up in {VENV}", file=sys.stderr)
    return 0


def run(*command: str, quiet: bool = False) -> bool:
    print("+ " + " ".join(command), file=sys.stderr)
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, check=False, stdout=output, stderr=output, cwd=ROOT).returncode == 0


def must(*command: str) -> None:
    if not run(*command):
        print("set-up failed at: " + " ".join(command), file=sys.stderr)
        sys.exit(6)


def loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def system_libraries() -> None:
    """Install Pango and venv where we may, or say the exact line. Without Pango, reports come out as HTML."""
    packages = [] if all(map(loads, PANGO)) else list(PANGO_PACKAGES)
    if not ensurepip_works():
        packages.append(f"python3.{sys.version_info.minor}-venv")
    if packages and sys.platform == "linux":
        apt(packages)


def ensurepip_works() -> bool:
    return (
        subprocess.run(
            [sys.executable, "-c", "import ensurepip, venv"], check=False, stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )


def apt(packages: list[str]) -> None:
    line = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    may = shutil.which("apt-get") and (not sudo or (shutil.which("sudo") and run("sudo", "-n", "true", quiet=True)))
    if may and (run(*sudo, *line) or (run(*sudo, "apt-get", "update", "-qq") and run(*sudo, *line))):
        return
    print(
        "missing system libraries; PDF reports need them (HTML reports work without). Type:\n"
        f"    sudo apt-get install -y {' '.join(packages)}",
        file=sys.stderr,
    )


def make_venv() -> None:
    if not PYTHON.exists():
        must(sys.executable, "-m", "venv", str(VENV))


def install() -> None:
    pip = (str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "-q", "-c", "constraints.txt")
    torch_cpu(pip)
    must(*pip, "-e", ".[all,dev]")


def torch_cpu(pip: tuple[str, ...]) -> None:
    """The CPU build first: on Linux a plain install of torch brings gigabytes of CUDA that an audit does not need."""
    pinned = next(
        line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch==")
    )
    if sys.platform != "linux":
        return
    cpu = f"{pinned}+cpu"
    if not run(*pip, cpu, quiet=True) and not run(*pip, "--extra-index-url", TORCH_CPU_INDEX, cpu, quiet=True):
        print("no CPU build of torch found; taking the default one, which may be large", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
