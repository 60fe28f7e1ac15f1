"""TLS against a real server, by gRPC and REST: what is wrong is told in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from certificates import Authority
from model_server import ModelServer

from rstg_tf.serving import Client
from rstg_tf.serving.errors import NotTrusted, ServerUnavailable, WrongAnswer

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("strangers"))


@pytest.fixture(scope="module")
def serve(exported):
    """Starts a server: of one is enough for every way that it is asked."""
    running = {}

    def started(pair, client_ca=None):
        if (pair, client_ca) not in running:
            made = ModelServer(exported.parent, {"stable": 1}, pair, client_ca)
            running[pair, client_ca] = made.__enter__()
        return running[pair, client_ca]

    yield started
    for server in running.values():
        server.__exit__()


def asked(server, protocol, **options):
    address = getattr(server, f"{protocol}_address")
    options = {"timeout": 10, "retries": 0, "tls": protocol == "grpc", **options}
    with Client("tiny", address, **options) as client:
        return client.states()


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_certificates_are_checked(protocol, authority, strangers, serve, clips):
    pair = authority.issue("server")
    server = serve(pair)
    assert asked(server, protocol, ca_file=authority.ca) == {1: "AVAILABLE"}
    wrong = {
        "another authority": (server, {"ca_file": strangers.ca}),
        "authorities of the system": (server, {}),
        "another host": (serve(authority.issue("other", "example.org")), {"ca_file": authority.ca}),
        "expired": (serve(authority.issue("old", expired=True)), {"ca_file": authority.ca}),
    }
    for kind, (other, options) in wrong.items():
        with pytest.raises(NotTrusted) as caught:
            asked(other, protocol, **options)
        message = str(caught.value)
        assert message.isprintable() and getattr(other, f"{protocol}_address") in message, kind


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_clients_show_their_certificates(protocol, authority, strangers, serve):
    server = serve(authority.issue("server"), authority.ca)
    mine, theirs = authority.issue("client", "client"), strangers.issue("client", "client")
    good = {"ca_file": authority.ca, "cert_file": mine.certificate, "key_file": mine.key}
    assert asked(server, protocol, **good) == {1: "AVAILABLE"}
    for pair in (None, theirs, authority.issue("late", "client", expired=True)):
        options = {"ca_file": authority.ca}
        if pair:
            options |= {"cert_file": pair.certificate, "key_file": pair.key}
        with pytest.raises((NotTrusted, ServerUnavailable)) as caught:
            asked(server, protocol, **options)
        message = str(caught.value)
        assert message.isprintable() and getattr(server, f"{protocol}_address") in message


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_who_does_not_encrypt_gets_no_answer(protocol, authority, serve, server):
    encrypted = serve(authority.issue("server"))
    if protocol == "grpc":
        with pytest.raises(ServerUnavailable):
            asked(encrypted, protocol, tls=False)
        with pytest.raises(NotTrusted):
            asked(server, protocol, ca_file=authority.ca)
        return
    for one, scheme in ((encrypted, "http"), (server, "https")):
        address = f"{scheme}://{one.rest_address.partition('://')[2]}"
        client = Client("tiny", address, retries=0, timeout=5)
        with client, pytest.raises((NotTrusted, ServerUnavailable, WrongAnswer)) as caught:
            client.states()
        assert address in str(caught.value)


@pytest.mark.parametrize("address", ["localhost:1", "https://localhost:1"])
def test_files_are_checked_before_a_server_is_asked(address, authority, strangers, tmp_path):
    pair, other = authority.issue("one"), strangers.issue("other")
    none, missing = tmp_path / "none.pem", tmp_path / "missing.pem"
    none.write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    locked = tmp_path / "locked.key"
    command = ["openssl", "pkey", "-aes256", "-passout", "pass:secret"]
    subprocess.run([*command, "-in", pair.key, "-out", locked], check=True, capture_output=True)
    tls = {"tls": address[0] == "l"}
    for wrong, error, named in (
        ({"ca_file": none}, ValueError, none),
        ({"ca_file": pair.key}, ValueError, pair.key),
        ({"ca_file": missing}, OSError, missing),
        ({"ca_file": tmp_path}, OSError, tmp_path),
        ({"cert_file": pair.certificate}, ValueError, pair.certificate),
        ({"key_file": pair.key}, ValueError, pair.key),
        ({"cert_file": pair.certificate, "key_file": other.key}, ValueError, other.key),
        ({"cert_file": pair.certificate, "key_file": locked}, ValueError, "not encrypted"),
        ({"cert_file": none, "key_file": pair.key}, ValueError, none),
    ):
        with pytest.raises(error, match=str(named)):
            Client("tiny", address, **tls, **wrong)


def test_certificates_without_tls_are_refused(authority):
    for address in ("localhost:8500", "http://localhost:8501"):
        with pytest.raises(ValueError, match="Certificates are for TLS"):
            Client("tiny", address, ca_file=authority.ca)
    with pytest.raises(ValueError, match="needs https://"):
        Client("tiny", "http://localhost:8501", tls=True)


def test_command_takes_certificates(authority, serve, tmp_path):
    (tmp_path / "one.mp4").write_bytes(b"not looked at")
    server = serve(authority.issue("other", "example.org"))
    command = [sys.executable, "exports/client.py", "tiny", str(tmp_path), "--retries=0", "--tls"]
    command += [f"--address={server.grpc_address}", f"--ca-file={authority.ca}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: TLS must be agreed on"), done.stderr
    assert len(done.stderr.splitlines()) == 1
