"""A real PostgreSQL server in a temporary folder, on a socket of its own; skipped where there is none, never in CI."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

FOLDERS = ("/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin")


def binaries() -> Path | None:
    """Where initdb and postgres are."""
    found = next((Path(folder) for folder in FOLDERS if Path(folder, "initdb").exists()), None)
    on_path = shutil.which("initdb")
    return found or (Path(on_path).parent if on_path else None)


def account() -> str | None:
    """The account that runs the server if this one is root, which PostgreSQL refuses."""
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    return None


@contextmanager
def postgres(folder: Path) -> Generator[tuple[str, subprocess.Popen[bytes]]]:
    """URL and process of a server that is stopped at the end."""
    home = binaries()
    if home is None:
        missing = "PostgreSQL's initdb is not installed (Debian: apt-get install postgresql)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    root = os.geteuid() == 0
    user = account() if root else None
    if root and (user is None or shutil.which("setpriv") is None):
        pytest.skip("PostgreSQL does not run as root and there is no other account to run it")
    data, socket = folder / "data", folder / "s"
    socket.mkdir(parents=True)
    if user is not None:
        shutil.chown(folder, user)
        shutil.chown(socket, user)
    entry = pwd.getpwnam(user) if user else None
    prefix = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"] if entry else []
    init = [*prefix, str(home / "initdb"), "-D", str(data), "-U", "hwsim", "-A", "trust", "--no-sync"]
    subprocess.run(init, check=True, capture_output=True, cwd=folder)
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={socket}", "-c", "fsync=off"]
    server = subprocess.Popen(
        [*prefix, str(home / "postgres"), "-D", str(data), *options], cwd=folder, stderr=subprocess.DEVNULL
    )
    try:
        ready = [str(home / "pg_isready"), "-h", str(socket), "-U", "hwsim", "-d", "postgres"]
        for _ in range(300):
            if subprocess.run(ready, check=False, capture_output=True).returncode == 0:
                break
            time.sleep(0.05)
        yield f"postgresql://hwsim@/postgres?host={socket}", server
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=30)
