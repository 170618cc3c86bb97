"""Certificates for tests of TLS, made with the program openssl; each is a pair NAME.pem and NAME.key in a folder."""

import subprocess
from pathlib import Path

_KEY = ("-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def make_authority(folder: Path, name: str) -> None:
    """A certificate that signs others."""
    _openssl(folder, "req", "-x509", "-subj", f"/CN={name}", "-days", "2", *_KEY, *_files(name, "pem"))


def make_certificate(folder: Path, name: str, authority: str) -> None:
    """A certificate signed by an authority of the same folder."""
    _openssl(folder, "req", "-subj", f"/CN={name}", *_KEY, *_files(name, "csr"))
    signed = ("-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "2")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem")


def _files(name: str, suffix: str) -> tuple[str, ...]:
    return ("-keyout", f"{name}.key", "-out", f"{name}.{suffix}")


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)
