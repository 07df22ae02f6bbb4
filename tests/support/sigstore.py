"""A sigstore of our own: a certificate authority, its log, a log of signatures, a clock; all real.

It issues certificates with the promise of a certificate log, and answers as Fulcio, Rekor (1 and 2)
and a timestamp authority do, with signed entries, proofs, checkpoints and timestamps. What is made
here is verified by sigstore's own library, by the trust configuration that
:meth:`Sigstore.trust_config` gives.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import struct
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jwt
import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

WHO = "ana@example.com"
ISSUER = "https://accounts.example.com"
SECONDS = 600
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_SCT = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _der(of: ec.EllipticCurvePrivateKey) -> bytes:
    return of.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _signed(by: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return by.sign(data, ec.ECDSA(hashes.SHA256()))


def _octets(data: bytes) -> bytes:
    """DER of an octet string."""
    size = len(data)
    length = bytes([size]) if size < 128 else bytes([0x81, size])
    return b"\x04" + length + data


@dataclass
class Sigstore:
    """The three of them, and what they were asked; ``now`` is when they say that it is."""

    ca: ec.EllipticCurvePrivateKey = field(default_factory=key)
    ct_log: ec.EllipticCurvePrivateKey = field(default_factory=key)
    log: ec.EllipticCurvePrivateKey = field(default_factory=key)
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC).replace(microsecond=0))
    url: str = "http://127.0.0.1:9"
    tokens: list[str] = field(default_factory=list)
    refuses: str | None = None
    waits: threading.Event | None = None
    """What it waits for before it answers."""

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a sigstore of our own")])
        self.root = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.ca.public_key())
            .serial_number(1)
            .not_valid_before(self.now - dt.timedelta(days=3650))
            .not_valid_after(self.now + dt.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.ca.public_key()), critical=False
            )
            .sign(self.ca, hashes.SHA256())
        )

    def certificate(
        self, public: Any, who: str = WHO, issuer: str = ISSUER, *, promised: bool = True
    ) -> x509.Certificate:
        """One that holds for ten minutes, with the certificate log's promise in it."""
        san = x509.UniformResourceIdentifier(who) if "://" in who else x509.RFC822Name(who)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.root.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now)
            .not_valid_after(self.now + dt.timedelta(seconds=SECONDS))
            .add_extension(x509.SubjectAlternativeName([san]), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca.public_key()),
                critical=False,
            )
            .add_extension(x509.UnrecognizedExtension(_ISSUER, issuer.encode()), critical=False)
        )
        if not promised:
            return builder.sign(self.ca, hashes.SHA256())
        tbs = builder.sign(self.ca, hashes.SHA256()).tbs_certificate_bytes
        at = int(self.now.timestamp() * 1000)
        entry = hashlib.sha256(_der(self.ca)).digest() + struct.pack("!I", len(tbs))[1:] + tbs
        promise = _signed(self.ct_log, struct.pack("!BBQH", 0, 0, at, 1) + entry + b"\0\0")
        sct = b"\0" + hashlib.sha256(_der(self.ct_log)).digest() + struct.pack("!Q", at) + b"\0\0"
        sct += b"\x04\x03" + struct.pack("!H", len(promise)) + promise  # SHA-256, ECDSA
        sct = struct.pack("!H", len(sct)) + sct
        listed = _octets(struct.pack("!H", len(sct)) + sct)
        return builder.add_extension(x509.UnrecognizedExtension(_SCT, listed), critical=False).sign(
            self.ca, hashes.SHA256()
        )

    @cached_property
    def clock(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """The key and the certificate of the timestamp authority."""
        private = key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a clock")]))
            .issuer_name(self.root.subject)
            .public_key(private.public_key())
            .serial_number(2)
            .not_valid_before(self.now - dt.timedelta(days=1))
            .not_valid_after(self.now + dt.timedelta(days=3650))
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
            )
            .sign(self.ca, hashes.SHA256())
        )
        return private, certificate

    def timestamp(self, asked: bytes) -> bytes:
        """A timestamp (RFC 3161), as openssl makes one."""
        private, certificate = self.clock
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "asked").write_bytes(asked)
            (folder / "serial").write_text("01")
            (folder / "clock.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
            pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (folder / "key.pem").write_bytes(pem)
            (folder / "ts.cnf").write_text(
                "[tsa]\nserial = serial\ndefault_policy = 1.2.3.4\ndigests = sha256\n"
                "signer_digest = sha256\ness_cert_id_alg = sha256\n"
            )
            subprocess.run(
                ["openssl", "ts", "-reply", "-config", "ts.cnf", "-section", "tsa", "-queryfile",
                 "asked", "-signer", "clock.pem", "-inkey", "key.pem", "-out", "answer"],
                cwd=folder, check=True, capture_output=True,
            )  # fmt: skip
            return (folder / "answer").read_bytes()

    def entry_of_hash(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The log's entry of a digest, as Rekor 2 answers it."""
        spec = {
            "data": {"algorithm": "SHA2_256", "digest": asked["digest"]},
            "signature": asked["signature"],
        }
        body = rfc8785.dumps({
            "apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": spec},
        })  # fmt: skip
        proof, log_id = self._proof(body)
        return {
            "logIndex": "1",
            "logId": {"keyId": _b64(log_id)},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "inclusionProof": _as_in_a_bundle(proof),
            "canonicalizedBody": _b64(body),
        }

    def _proof(self, body: bytes) -> tuple[dict[str, Any], bytes]:
        """That an entry is the second of two in the log, and the log's id."""
        log_id = hashlib.sha256(_der(self.log)).digest()
        leaves = [hashlib.sha256(b"\0" + leaf).digest() for leaf in (b"another", body)]
        root = hashlib.sha256(b"\1" + b"".join(leaves)).digest()
        text = f"log.example - 1\n2\n{_b64(root)}\n"
        note = log_id[:4] + _signed(self.log, text.encode())
        return {
            "logIndex": 1,
            "rootHash": root.hex(),
            "treeSize": 2,
            "hashes": [leaves[0].hex()],
            "checkpoint": f"{text}\n\u2014 log.example {_b64(note)}\n",
        }, log_id

    def entry(self, envelope: dict[str, Any], pem: str, after: int = 0) -> dict[str, Any]:
        """The log's entry of an envelope, the second of two, as Rekor answers it.

        It says that so many seconds have passed since the certificate began to hold.
        """
        body = rfc8785.dumps({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": {
                    "algorithm": "sha256",
                    "value": hashlib.sha256(rfc8785.dumps(envelope)).hexdigest(),
                },
                "payloadHash": {
                    "algorithm": "sha256",
                    "value": hashlib.sha256(base64.b64decode(envelope["payload"])).hexdigest(),
                },
                "signatures": [
                    {"signature": one["sig"], "verifier": pem} for one in envelope["signatures"]
                ],
            },
        })  # fmt: skip
        proof, log_id = self._proof(body)
        at = int(self.now.timestamp()) + after
        promised = {"body": _b64(body), "integratedTime": at, "logID": log_id.hex(), "logIndex": 1}
        return promised | {
            "verification": {
                "signedEntryTimestamp": _b64(_signed(self.log, rfc8785.dumps(promised))),
                "inclusionProof": proof,
            }
        }

    def bundle(self, statement: dict[str, Any], who: str = WHO, issuer: str = ISSUER, *,
               after: int = 0, **how: Any) -> dict[str, Any]:  # fmt: skip
        """A statement that somebody signed, as sigstore's library writes it."""
        from lineage.attest.envelope import PAYLOAD_TYPE, pae

        private = key()
        certificate = self.certificate(private.public_key(), who, issuer, **how)
        payload = json.dumps(statement).encode()
        envelope = {
            "payload": _b64(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": _b64(_signed(private, pae(payload)))}],
        }
        made = self.entry(envelope, _b64(certificate.public_bytes(Encoding.PEM)), after)
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": _b64(certificate.public_bytes(Encoding.DER))},
                "tlogEntries": [
                    {
                        "logIndex": str(made["logIndex"]),
                        "logId": {"keyId": _b64(bytes.fromhex(made["logID"]))},
                        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
                        "integratedTime": str(made["integratedTime"]),
                        "inclusionPromise": {
                            "signedEntryTimestamp": made["verification"]["signedEntryTimestamp"]
                        },
                        "inclusionProof": _as_in_a_bundle(made["verification"]["inclusionProof"]),
                        "canonicalizedBody": made["body"],
                    }
                ],
            },
            "dsseEnvelope": envelope,
        }

    def trusted_root(self) -> dict[str, Any]:
        """What is trusted of it, as sigstore's clients read it."""
        valid = {"start": "2020-01-01T00:00:00Z"}

        def log(of: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
            return {
                "baseUrl": self.url,
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": _b64(_der(of)),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": valid,
                },
                "logId": {"keyId": _b64(hashlib.sha256(_der(of)).digest())},
            }

        def authority(*chain: x509.Certificate) -> dict[str, Any]:
            held = [{"rawBytes": _b64(one.public_bytes(Encoding.DER))} for one in chain]
            return {
                "subject": {"organization": "ours", "commonName": "a sigstore of our own"},
                "uri": self.url,
                "certChain": {"certificates": held},
                "validFor": valid,
            }

        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.log)],
            "ctlogs": [log(self.ct_log)],
            "certificateAuthorities": [authority(self.root)],
            "timestampAuthorities": [authority(self.clock[1], self.root)],
        }

    def trust_config(self, rekor: int = 1, *, clock: bool = False) -> dict[str, Any]:
        """A client's trust configuration: the root, and where the services are."""
        service = {
            "url": self.url,
            "majorApiVersion": 1,
            "validFor": {"start": "2020-01-01T00:00:00Z"},
            "operator": "ours",
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": self.trusted_root(),
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": [service],
                "oidcUrls": [service],
                "rekorTlogUrls": [service | {"majorApiVersion": rekor}],
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaUrls": [service | {"url": f"{self.url}/time"}] if clock else [],
                "tsaConfig": {"selector": "ANY"},
            },
        }

    def token(self, who: str = WHO, issuer: str = ISSUER, **claims: Any) -> str:
        """An issuer's token; nobody but the authority would look at its signature."""
        at = int(dt.datetime.now(dt.UTC).timestamp())
        said = {"iss": issuer, "sub": who, "aud": "sigstore", "iat": at, "exp": at + 300, **claims}
        return jwt.encode(said, "a secret of the issuer's, of 32 bytes", "HS256")

    @contextmanager
    def serving(self) -> Any:
        """It on a port of this machine."""
        sigstore = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                body, status = self.rfile.read(size), 201
                if sigstore.waits is not None:
                    sigstore.waits.wait(60)
                if self.path == "/time":
                    data = sigstore.timestamp(body)
                else:
                    status, answer = sigstore.answer(self.path, json.loads(body), self.headers)
                    data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, path: str, body: dict[str, Any], headers: Any) -> tuple[int, Any]:
        if self.refuses is not None and self.refuses in path:
            return 403, {"message": "not today"}
        if path == "/api/v2/signingCert":
            token = headers["Authorization"].removeprefix("Bearer ")
            self.tokens.append(token)
            said = jwt.decode(token, options={"verify_signature": False})
            request = x509.load_pem_x509_csr(base64.b64decode(body["certificateSigningRequest"]))
            made = self.certificate(request.public_key(), said["sub"], said["iss"])
            chain = [one.public_bytes(Encoding.PEM).decode() for one in (made, self.root)]
            return 200, {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}
        if path == "/api/v2/log/entries":
            return 201, self.entry_of_hash(body["hashedRekordRequestV002"])
        assert path == "/api/v1/log/entries", path
        proposed = body["spec"]["proposedContent"]
        entry = self.entry(json.loads(proposed["envelope"]), proposed["verifiers"][0])
        return 201, {"1": entry}


def _as_in_a_bundle(proof: dict[str, Any]) -> dict[str, Any]:
    return {
        "logIndex": str(proof["logIndex"]),
        "rootHash": _b64(bytes.fromhex(proof["rootHash"])),
        "treeSize": str(proof["treeSize"]),
        "hashes": [_b64(bytes.fromhex(one)) for one in proof["hashes"]],
        "checkpoint": {"envelope": proof["checkpoint"]},
    }


def _usage(**on: bool) -> x509.KeyUsage:
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: on.get(name, False) for name in every})
