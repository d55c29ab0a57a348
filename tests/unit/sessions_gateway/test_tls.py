"""sessions_gateway.tls: files are loaded once, and again when they have changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trustme

from ghasi.operator_answer import TlsFiles
from sessions_gateway.tls import TlsUnusable, client_context


def write(path: Path, content: bytes, at: int) -> None:
    path.write_bytes(content)
    os.utime(path, (at, at))


def test_operators_with_the_same_files_share_what_was_loaded(tmp_path: Path) -> None:
    authority, ca = trustme.CA(), tmp_path / "ca.pem"
    write(ca, authority.cert_pem.bytes(), 1)
    first = client_context(TlsFiles(ca=str(ca), server_name="one.example"))
    assert client_context(TlsFiles(ca=str(ca), server_name="two.example")) is first
    assert client_context(TlsFiles()) is client_context(TlsFiles()) is not first


def test_a_file_that_was_rotated_counts_at_once(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    files = TlsFiles(ca=str(ca), cert=str(cert), key=str(key))
    write(ca, authority.cert_pem.bytes(), 1)
    seen = []
    for at in (2, 3):
        ours = authority.issue_cert("gateway.example")
        write(cert, ours.cert_chain_pems[0].bytes(), at)
        write(key, ours.private_key_pem.bytes(), at)
        seen.append(client_context(files))
    assert seen[0] is not seen[1]
    write(cert, b"no certificate", 4)
    with pytest.raises(TlsUnusable):
        client_context(files)
    cert.unlink()
    with pytest.raises(TlsUnusable):
        client_context(files)
