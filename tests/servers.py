"""Real servers on this machine's loopback, started for a test and stopped after it."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
S3RVER = Path(sys.prefix) / "s3rver/node_modules/.bin/s3rver"  # an npm package, installed by `make test`
S3_KEY = ("S3RVER", "S3RVER")  # name and secret, the only ones that it knows


def free_port() -> int:
    """Return a port of the loopback that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 180) -> None:
    """Wait until a process listens on a port of the loopback."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port} after {seconds:.0f} s")


@contextmanager
def stopped_after(command: list[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; what it says goes to `log`."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    try:
        wait_for(port, process)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # with what it has started: node, where PyPI's is used, is a child
        process.wait(timeout=30)


@dataclass(frozen=True)
class SshServer:
    """An sshd that lets one key in."""

    port: int
    key: Path


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Start OpenSSH's sshd with keys of its own in `folder`."""
    assert SSHD is not None
    for name in ("host", "client"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    shutil.copy(folder / "client.pub", folder / "authorized")
    Path("/run/sshd").mkdir(exist_ok=True)  # where sshd locks itself in
    port = free_port()
    options = {
        "HostKey": folder / "host", "AuthorizedKeysFile": folder / "authorized", "ListenAddress": "127.0.0.1",
        "PidFile": "none", "PasswordAuthentication": "no", "StrictModes": "no", "UsePAM": "no",
        "PermitRootLogin": "prohibit-password", "Subsystem": "sftp internal-sftp",
    }  # fmt: skip
    flags = [flag for name, value in options.items() for flag in ("-o", f"{name}={value}")]
    with stopped_after([SSHD, "-D", "-e", "-f", "/dev/null", "-p", str(port), *flags], port, folder / "log"):
        yield SshServer(port, folder / "client")


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Serve a folder as S3, with a bucket `team` in it; yield the address. The key is S3_KEY.

    What is stored as `name` lies there as `name._S3rver_object`, with two small files beside it.
    """
    port = free_port()
    command = [str(S3RVER), "--directory", str(folder), "--address", "127.0.0.1", "--port", str(port)]
    with stopped_after([*command, "--configure-bucket", "team"], port, folder.parent / "s3.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """Put a disk of this size in the place of a folder. Raises CalledProcessError where mounting is not allowed."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)], check=True, capture_output=True
    )
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def http_server(folder: Path) -> Iterator[str]:
    """Serve a folder read-only; yield its address."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, or None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def postgres() -> Iterator[str]:
    """Start a PostgreSQL of its own, in a folder that its user may enter; yield the address of its database."""
    programs = postgres_programs()
    assert programs is not None
    port = free_port()
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to be root
    with tempfile.TemporaryDirectory() as folder:
        if as_user:
            shutil.chown(folder, "postgres")
        data = f"{folder}/data"
        initdb = [*as_user, str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "postgres"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder)
        serve = [*as_user, str(programs / "postgres"), "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder]
        with stopped_after(serve, port, Path(folder) / "log"):
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


@contextmanager
def mlflow_server(folder: Path, database: str) -> Iterator[str]:
    """Start MLflow's tracking server on a database, with its artifacts in `folder`; yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database, "--artifacts-destination"]
    command += [str(folder / "artifacts"), "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with stopped_after(command, port, folder / "mlflow.log"):
        yield f"http://127.0.0.1:{port}"
