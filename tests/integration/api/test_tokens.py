"""Who is let in: tokens of the registry, tokens of CI services, and nobody else."""

from __future__ import annotations

import base64
import json
import socket
import sqlite3
import time
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import FastAPI

from lineage import strict_json, timestamps
from lineage.connection import connect
from lineage.contract import codec
from lineage.contract.requests import DeclaredEnvironment, NewToken
from lineage.errors import Conflict, NotAuthenticated, NotPermitted, RegistryUnreachable, UsageError
from lineage.guard.decision import GuardRefused
from lineage.guard.evidence import Basis, Evidence
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.persons import of_issuer
from lineage.registry import tokens
from lineage.registry.access import OF_SERVING, Principal, Scope
from lineage.weights.copies import CopyCheck, CopyState, StoreAddress
from tests.conftest import BOTH, a_copy, add_validated, captured, captured_pipeline, make_registry
from tests.support.servers import registry_server, serving

SLOT = "/v1/environments/production/models/churn"


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


def _fill(registry):
    add_validated(registry, "1")
    add_validated(registry, "2")
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")


@pytest.fixture
def server(filled):
    with registry_server(filled) as address:
        yield address


def _token(url, *scopes, name="ci", **more):
    with connect(url) as registry:
        return registry.create_token(NewToken(name, scopes or ("read",), **more), actor="t")


def _get(address, token=None, path=SLOT):
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return httpx.get(address + path, headers=headers)


def _refused(answer, status=401):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    return answer.json()["detail"]


def test_without_a_token_nothing_is_readable(server):
    document = httpx.get(f"{server}/openapi.json").json()
    for path in document["paths"]:
        concrete = path.format(
            env="production", model="churn", n="1", pipeline="churn", digest="xxh3:0", id="a" * 12,
            seq="1",
        )  # fmt: skip
        expected = 200 if path in ("/healthz", "/readyz") else 401
        for method in document["paths"][path]:
            answer = httpx.request(
                method, server + concrete, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == expected, (method, path, answer.text)
            if expected == 401:
                assert "churn@" not in answer.text


@BOTH
def test_a_token_opens_until_it_is_revoked_on_every_server(filled):
    made = _token(filled)
    with registry_server(filled) as first, registry_server(filled) as second:
        for address in (first, second):
            assert _get(address, made["token"]).status_code == 200
        with connect(filled) as registry:
            registry.revoke_token(made["id"], actor="t")
            for address in (first, second):
                assert "revoked" in _refused(_get(address, made["token"]))
            (listed,) = registry.tokens()
            assert listed["last_used_at"] is not None
            assert (listed["revoked_by"], "token" in listed) == ("t", False)
            kinds = [event["kind"] for event in registry.history("ci")]
            assert kinds == ["token-revoked", "token-created"]
            assert registry.audit().problems == ()


def test_a_token_that_is_revoked_while_a_body_is_on_its_way_opens_nothing(filled, server):
    """Who sends it was known when it began; it is asked about again once the body is there."""
    made = _token(filled, "register")
    parts = urlsplit(server)
    with (
        socket.create_connection((parts.hostname, parts.port), timeout=10) as line,
        connect(filled) as registry,
    ):
        line.sendall(
            f"POST /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {made['token']}\r\n"
            'Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{"name":'.encode()
        )
        time.sleep(0.3)
        registry.revoke_token(made["id"], actor="t")
        line.sendall(b' "late"}')
        assert line.recv(4096).startswith(b"HTTP/1.1 401 ")
        assert "late" not in {row["name"] for row in registry.models()}


def test_a_token_ends(filled, server, monkeypatch):
    now = timestamps.moment(timestamps.now())
    soon, later = (timestamps.written(now + timestamps.span(span)) for span in ("10m", "11m"))
    token = _token(filled, expires_at=soon)["token"]
    assert _get(server, token).status_code == 200
    monkeypatch.setattr(timestamps, "now", lambda: later)
    assert "was good until" in _refused(_get(server, token))


def test_tokens_that_are_none(filled, server):
    whole = _token(filled)["token"]
    _, identity, secret = whole.split("_", 2)
    foreign = f"lng_{identity}_{'A' * 43}"
    for wrong in (
        whole[:-1], whole[:-10], whole + "x", whole.upper(), foreign, f"lng_{'a' * 12}_{secret}",
        "lng__", "-", "x" * 5000, "lng_' OR 1=1 --", "a.b.c", "..", "null",
    ):  # fmt: skip
        assert _refused(_get(server, wrong)), wrong
    for scheme in ("Basic", "Token"):
        answer = httpx.get(server + SLOT, headers={"Authorization": f"{scheme} {whole}"})
        _refused(answer)


def test_the_secret_is_nowhere_but_in_the_answer(filled, tmp_path):
    made = _token(filled)
    secret = made["token"].split("_", 2)[2]
    stored = (tmp_path / "registry.db").read_bytes()
    assert made["id"].encode() in stored
    assert secret.encode() not in stored
    with connect(filled) as registry:
        assert secret not in strict_json.dumps(registry.history())
    with sqlite3.connect(tmp_path / "registry.db") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for change in (
            "UPDATE token SET scopes = '[\"admin\"]'",
            "UPDATE token SET expires_at = NULL, digest = 'x'",
            "UPDATE token SET person = 'ann'",
            "UPDATE token SET person = NULL",
            "DELETE FROM token",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(change)


NEEDS = {
    ("GET", SLOT): Scope.READ,
    ("GET", "/v1/events"): Scope.READ,
    ("GET", "/metrics"): Scope.READ,
    ("POST", f"{SLOT}/guard"): Scope.READ,
    ("POST", "/v1/models"): Scope.REGISTER,
    ("POST", "/v1/models/churn/versions"): Scope.REGISTER,
    ("POST", "/v1/models/churn/versions/1/validations"): Scope.VALIDATE,
    ("POST", "/v1/models/churn/versions/1/weights-checks"): Scope.OBSERVE_WEIGHTS,
    ("POST", "/v1/models/churn/versions/1/weights/copies"): Scope.REGISTER,
    ("POST", "/v1/models/churn/versions/1/weights/looks"): Scope.OBSERVE_WEIGHTS,
    ("POST", "/v1/models/churn/versions/1/approvals"): Scope.APPROVE,
    ("POST", f"{SLOT}/promote"): Scope.DEPLOY,
    ("POST", f"{SLOT}/rollback"): Scope.DEPLOY,
    ("POST", f"{SLOT}/retire"): Scope.DEPLOY,
    ("PUT", "/v1/environments/production/pipelines/churn"): Scope.DEPLOY,
    ("POST", "/v1/environments/production/releases"): Scope.DEPLOY,
    ("POST", f"{SLOT}/observations"): Scope.OBSERVE,
    ("POST", "/v1/environments"): Scope.ADMIN,
    ("PUT", "/v1/environments"): Scope.ADMIN,
    ("POST", "/v1/tokens"): Scope.ADMIN,
    ("GET", "/v1/tokens"): Scope.ADMIN,
    ("DELETE", f"/v1/tokens/{'a' * 12}"): Scope.ADMIN,
    ("GET", "/v1/database"): Scope.ADMIN,
}


LOOKED_AT = {("GET", SLOT): OF_SERVING, ("POST", f"{SLOT}/guard"): OF_SERVING}
"""What the verbs of further scopes look at."""


@pytest.mark.parametrize("scope", list(Scope))
def test_each_scope_opens_its_own_and_nothing_else(filled, server, scope):
    token = _token(filled, scope.value)["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for (method, path), needed in NEEDS.items():
        # a body that is wrong everywhere: what is open gets as far as to say so
        content = b"[]" if method in ("POST", "PUT") else b""
        answer = httpx.request(method, server + path, headers=headers, content=content)
        if scope in (needed, Scope.ADMIN, *LOOKED_AT.get((method, path), ())):
            assert answer.status_code != 403, (method, path, answer.text)
        else:
            assert f"lacks the scope {needed}" in _refused(answer, 403), (method, path)


def test_events_name_the_token_and_not_what_the_client_says(filled, server, monkeypatch):
    monkeypatch.setenv(
        "LINEAGE_TOKEN", _token(filled, "deploy", "register", name="release-job")["token"]
    )
    with connect(server) as remote:
        remote.promote("churn@2", "production", actor="somebody else")
        remote.register("churn", captured("5"), actor="somebody else")
    with connect(filled) as registry:
        assert {event["actor"] for event in registry.history(limit=2)} == {"release-job"}


def _approve(address, token, version=2):
    return httpx.post(
        f"{address}/v1/models/churn/versions/{version}/approvals",
        json={"environment": "production"},
        headers={"Authorization": f"Bearer {token}"},
    )


def test_two_tokens_of_one_person_are_one_over_http(filled, server):
    made = _token(filled, "approve", "read", name="bob")
    assert (made["name"], made["person"]) == ("bob", "bob")
    first = _approve(server, made["token"]).json()
    assert [first[key] for key in ("approved_by", "person", "claimed")] == ["bob", "bob", False]
    admin = {"Authorization": f"Bearer {_token(filled, 'admin', name='root')['token']}"}
    body = {"name": "laptop", "person": "BOB", "scopes": ["approve", "read"]}
    laptop = httpx.post(f"{server}/v1/tokens", json=body, headers=admin).json()
    assert laptop["person"] == "BOB"
    asked = _get(server, laptop["token"], "/v1/principal").json()
    assert (asked["name"], asked["person"]) == ("laptop", "BOB")
    assert "BOB has already approved" in _refused(_approve(server, laptop["token"]), 403)
    listed = httpx.get(f"{server}/v1/tokens", headers=admin).json()["items"]
    persons = {row["name"]: row["person"] for row in listed}
    assert persons == {"bob": "bob", "laptop": "BOB", "root": "root"}
    with connect(filled) as registry:
        told = registry.history("laptop")[0]["payload"]
    assert told["person"] == "BOB"


@pytest.mark.parametrize("name", ["oidc:gitlab.com:x", "OIDC:x", " oidc:x", "\uff4fidc\uff1ax"])
def test_no_token_is_called_as_only_an_issuer_calls_somebody(filled, server, name):
    for new in (NewToken(name, ("read",)), NewToken("bob", ("read",), person=name)):
        with connect(filled) as registry, pytest.raises(UsageError, match="OpenID Connect"):
            registry.create_token(new, actor="t")
    token = _token(filled, "admin")["token"]
    with connect(server, token=token) as remote, pytest.raises(UsageError, match="OpenID Connect"):
        remote.create_token(NewToken("bob", ("read",), person=name), actor="t")


def _validate(address, token, version=2, **more):
    body = {"pipeline": codec.pipeline_to_json(captured_pipeline()), "passed": True} | more
    return httpx.post(
        f"{address}/v1/models/churn/versions/{version}/validations",
        json=body,
        headers={"Authorization": f"Bearer {token}"},
    )


RUN = {"command": ["python", "evaluate.py"], "exit_status": 0}


def test_a_posted_run_counts_as_one_only_with_the_scope_for_it(filled, server):
    for scopes, basis in (
        (("validate",), "stated"),
        (("validate", "validate:run"), "run"),
        (("admin",), "run"),
    ):
        done = _validate(server, _token(filled, *scopes)["token"], run=RUN).json()
        assert (done["basis"], done["run"]) == (basis, RUN), "what was run is kept all the same"
        assert ("validate:run" in str(done.get("notes"))) is (basis == "stated")
        plain = _validate(server, _token(filled, *scopes)["token"]).json()
        assert (plain["basis"], plain["run"], "notes" in plain) == ("stated", None, False)
    alone = _token(filled, "validate:run")["token"]
    assert "lacks the scope validate." in _refused(_validate(server, alone, run=RUN), 403)


def test_without_tokens_who_approves_is_claimed(filled):
    with registry_server(filled, no_auth=True) as address, connect(address) as remote:
        done = remote.approve("churn@2", "production", actor="bob")
        assert (done["person"], done["claimed"]) == ("bob", True)
        assert [row["claimed"] for row in remote.approvals("churn@2")] == [True]


def test_guessing_is_slowed_and_those_who_are_known_go_on(filled):
    good, other = _token(filled)["token"], _token(filled)["token"]
    with registry_server(filled, failed_logins=5) as address:
        assert _get(address, good).status_code == 200
        found = [_get(address, f"lng_{'a' * 12}_{'b' * 43}") for _ in range(8)]
        statuses = [answer.status_code for answer in found]
        assert (statuses[:5], statuses[-2:]) == ([401] * 5, [429] * 2)
        assert int(found[-1].headers["retry-after"]) >= 1
        assert _get(address, good).status_code == 200, "who is known is not locked out"
        assert _get(address, other).status_code == 200, "nor who comes for the first time"
        with (
            connect(address, token="lng_no") as remote,
            pytest.raises(NotPermitted, match="Too many"),
        ):
            remote.serving("churn", "production")
        made = _token(filled)
        assert _get(address, made["token"]).status_code == 200, "a token that was made since, too"
        with connect(filled) as registry:
            registry.revoke_token(made["id"], actor="t")
        assert _get(address, made["token"]).status_code == 401, "until it is revoked"


def test_what_a_client_is_told_is_what_the_command_line_says(filled, server):
    with connect(server, token="lng_no") as remote, pytest.raises(NotAuthenticated) as error:
        remote.serving("churn", "production")
    assert error.value.exit_code == 8
    token = _token(filled, "read")["token"]
    with (
        connect(server, token=token) as remote,
        pytest.raises(NotPermitted, match="lacks the scope"),
    ):
        remote.promote("churn@2", "production", actor="t")


# OpenID Connect


class Issuer:
    """A real issuer on loopback: its configuration, its keys, its signatures."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = "k1"
        self.fetched = 0
        self.url = ""
        self.app = FastAPI()
        self.app.get("/.well-known/openid-configuration")(self._configuration)
        self.app.get("/keys")(self._keys)

    def _configuration(self) -> dict[str, str]:
        return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

    def _keys(self) -> dict[str, object]:
        self.fetched += 1
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**key, "kid": self.kid, "use": "sig", "alg": "RS256"}, {"kty": "oct"}]}

    def sign(self, key=None, algorithm="RS256", kid=None, **changes) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": "lineage", "sub": "repo:acme/churn:ref:refs/heads/main",
            "iat": now, "nbf": now, "exp": now + 300, "repository": "acme/churn",
            "ref": "refs/heads/main", "ref_protected": "true",
        } | changes  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": kid or self.kid}
        return jwt.encode(claims, key or self.key, algorithm=algorithm, headers=headers)


@pytest.fixture
def issuer():
    made = Issuer()
    with serving(made.app) as address:
        made.url = address
        yield made


@pytest.fixture
def trusting(filled, issuer, tmp_path):
    """A server that trusts the issuer for one repository's main branch."""
    file = tmp_path / "trust.toml"
    file.write_text(
        f'[[trust]]\nissuer = "{issuer.url}"\naudience = "lineage"\n'
        'claims = {repository = "acme/churn", ref = ["refs/heads/main", "refs/heads/release"]}\n'
        'scopes = ["read", "deploy"]\nenvironments = ["production"]\nname = "github:{repository}"\n'
    )
    with registry_server(filled, trust=file) as address:
        yield address


def test_a_ci_job_needs_no_stored_secret(trusting, issuer, filled):
    with connect(trusting, token=issuer.sign()) as remote:
        remote.promote("churn@2", "production", actor="x")
        assert remote.serving("churn", "production").serving.promoted_by == "github:acme/churn"
        with pytest.raises(NotPermitted, match="lacks the scope"):
            remote.register("churn", captured("6"), actor="x")
        with pytest.raises(NotPermitted, match="bound to other environments"):
            remote.serving("churn", "staging")
    with connect(filled) as registry:
        assert registry.history(limit=1)[0]["actor"] == "github:acme/churn"
    assert issuer.fetched == 1


ODD_CLAIMS = [
    {name: odd}
    for name in ("exp", "iat", "nbf", "aud", "sub", "jti", "repository", "ref")
    for odd in (
        True, -1, 10**18, 10**300, 1e400, float("nan"), 1.5, "", "soon", "1" * 5000, [], [[]], {},
        253402300800, 67767976233532800, -62135596801, "\x1b[2J", "\ud800",
    )
]  # fmt: skip


def test_an_odd_claim_is_refused_or_harmless(trusting, issuer, filled, tmp_path):
    """Also where the issuer itself signs it."""
    patient = {"trust": tmp_path / "trust.toml", "failed_logins": 10**6}
    with registry_server(filled, **patient) as address, httpx.Client(base_url=address) as client:
        for changes in ODD_CLAIMS:
            headers = {"Authorization": f"Bearer {issuer.sign(**changes)}"}
            answer = client.get(SLOT, headers=headers)
            assert answer.status_code in (200, 401, 403), (changes, answer.text)
        assert _get(address, issuer.sign()).status_code == 200


def _segment(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "odd",
    [
        "[" * 9000,
        '{"a":' * 1500,
        "{}",
        "[]",
        "null",
        "1e400",
        "NaN",
        "9" * 5000,
        '"\\ud800"',
        "\xff",
        "",
    ],
)
def test_what_looks_like_a_token_is_none(trusting, issuer, odd):
    """Before any signature is checked: anybody may send it."""
    header, claims, signature = issuer.sign().split(".")
    claims_of_issuer = _segment(json.dumps({"iss": issuer.url}))
    for parts in (
        (_segment(odd), claims, signature), (header, _segment(odd), signature),
        (_segment(odd), _segment(odd), ""), (header, claims_of_issuer, _segment(odd)),
        (_segment(f'{{"alg": "RS256", "kid": {odd or 1}}}'), claims, signature),
        (header, _segment(f'{{"iss": "{issuer.url}", "exp": {odd or 1}}}'), signature),
    ):  # fmt: skip
        token = ".".join(parts)
        if len(token) < 15_000:
            assert _get(trusting, token).status_code in (401, 429), (odd, parts)


def test_a_subject_is_not_the_person_whom_a_token_is_named_after(filled, issuer, tmp_path):
    file = tmp_path / "trust.toml"
    file.write_text(
        f'[[trust]]\nissuer = "{issuer.url}"\naudience = "lineage"\n'
        'claims = {repository = "acme/churn"}\nscopes = ["read", "approve"]\nname = "{sub}"\n'
    )
    person = of_issuer(issuer.url, "bob")
    named_alike = _token(filled, "approve", name="bob")["token"]
    with registry_server(filled, trust=file) as address:
        asked = _get(address, issuer.sign(sub="bob"), "/v1/principal").json()
        assert (asked["name"], asked["person"]) == ("bob", person)
        assert _approve(address, named_alike).json()["approvals"] == 1
        issued = _approve(address, issuer.sign(sub="bob")).json()
        assert (issued["approvals"], issued["person"]) == (2, person)
        assert _approve(address, issuer.sign(sub="BOB")).json()["approvals"] == 3, "case counts"
        again = _approve(address, issuer.sign(sub="bob"))
        assert "has already approved" in _refused(again, 403)


def test_only_a_ci_job_that_the_list_names_may_say_what_was_run(filled, issuer, tmp_path):
    """And an environment may take the verdicts of that job alone."""
    file = tmp_path / "trust.toml"
    entry = (
        '[[trust]]\nissuer = "{}"\naudience = "lineage"\n'
        'claims = {{repository = "acme/churn", ref = "refs/heads/{}"}}\n'
        'scopes = [{}]\nname = "github:{{repository}}:{{ref}}"\n'
    )
    file.write_text(
        entry.format(issuer.url, "main", '"read", "validate", "validate:run"')
        + entry.format(issuer.url, "topic", '"read", "validate"')
    )
    person = of_issuer(issuer.url, "github:acme/churn:refs/heads/main")
    evidence = Evidence((Basis.RUN,), (person,))
    with connect(filled) as registry:
        declared = DeclaredEnvironment("production", EnvironmentPolicy(evidence=evidence))
        registry.apply_environments([declared], actor="t")
    with registry_server(filled, trust=file) as address:
        for ref, basis, says in (
            ("topic", "stated", "was only stated"),
            ("main", "run", "(github:acme/churn:refs/heads/main), by a run"),
        ):
            token = issuer.sign(ref=f"refs/heads/{ref}")
            assert _validate(address, token, run=RUN).json()["basis"] == basis
            asked = f"{SLOT}/guard"
            decision = httpx.post(
                address + asked, json={"version": "2"}, headers={"Authorization": f"Bearer {token}"}
            ).json()
            check = next(one for one in decision["checks"] if one["code"] == "validated")
            assert says in check["summary"]
            assert decision["allowed"] is (basis == "run")
        person_of_another = _token(filled, "admin", name="root", person="acme")["token"]
        assert _validate(address, person_of_another, run=RUN).json()["basis"] == "run"
        with connect(filled) as registry:
            check = registry.guard("churn@2", "production").check("validated")
        assert "is acme's, whose verdicts do not count in production" in check.summary


def test_a_claim_is_put_into_the_name_and_never_read_as_one(filled, issuer, tmp_path):
    file = tmp_path / "trust.toml"
    file.write_text(
        f'[[trust]]\nissuer = "{issuer.url}"\naudience = "lineage"\n'
        'claims = {repository = "acme/churn"}\nscopes = ["read"]\nname = "{ref} {none} {iat}"\n'
    )
    token = issuer.sign(ref="refs/heads/{sub}", iat=1)
    with registry_server(filled, trust=file) as address:
        assert _get(address, token, "/v1/principal").json()["name"] == "refs/heads/{sub} {none} 1"


def _unsigned(issuer) -> str:
    _, payload, _ = issuer.sign().split(".")
    bare = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').rstrip(b"=").decode()
    return f"{bare}.{payload}."


def _signed_with_the_public_key(issuer) -> str:
    """The classic confusion: the public key taken as a shared secret."""
    public = jwt.algorithms.RSAAlgorithm.to_jwk(issuer.key.public_key()).encode()
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k1"}').rstrip(b"=").decode()
    payload = issuer.sign().split(".")[1]
    import hmac

    signature = hmac.digest(public, f"{header}.{payload}".encode(), "sha256")
    return f"{header}.{payload}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


FORGED = {
    "wrong audience": (lambda i: i.sign(aud="another"), "audience"),
    "no audience": (lambda i: i.sign(aud=None), "aud"),
    "over": (lambda i: i.sign(exp=int(time.time()) - 60), "expired"),
    "no end": (lambda i: i.sign(exp=None), "exp"),
    "not yet": (lambda i: i.sign(nbf=int(time.time()) + 600), "not yet valid"),
    "from the future": (lambda i: i.sign(iat=int(time.time()) + 600), "not yet valid"),
    "another repository": (lambda i: i.sign(repository="evil/churn"), "claim repository"),
    "another branch": (lambda i: i.sign(ref="refs/pull/1/merge"), "claim ref"),
    "a claim missing": (lambda i: i.sign(ref=None), "claim ref"),
    "another issuer": (lambda i: i.sign(iss="https://evil.example"), "issuer is not one"),
    "another key": (
        lambda i: i.sign(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        "signature",
    ),
    "an unknown key": (lambda i: i.sign(kid="k9"), "key is not one"),
    "another algorithm": (
        lambda i: i.sign(ec.generate_private_key(ec.SECP256R1()), algorithm="ES256"),
        "token is not accepted",
    ),
    "alg none": (_unsigned, "algorithm 'none'"),
    "HS256 with the public key": (_signed_with_the_public_key, "algorithm 'HS256'"),
    "truncated": (lambda i: i.sign()[:-6], "signature"),
    "garbage": (lambda i: "a.b.c", "not a token"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_opens_nothing(trusting, issuer, name):
    make, says = FORGED[name]
    assert says in _refused(_get(trusting, make(issuer))), name


def test_keys_that_are_rotated_are_found_and_fetches_are_bounded(trusting, issuer, monkeypatch):
    assert _get(trusting, issuer.sign()).status_code == 200
    for _ in range(5):
        _refused(_get(trusting, issuer.sign(kid="k9")))
    assert issuer.fetched == 1, "unknown keys do not make the server fetch again and again"
    issuer.kid = "k2"
    issuer.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    monkeypatch.setattr("lineage.api.issuer_keys.REFRESH_AFTER", -1.0)
    assert _get(trusting, issuer.sign()).status_code == 200


def test_an_issuer_that_cannot_be_reached_is_503_and_lets_nobody_in(filled, issuer, tmp_path):
    file = tmp_path / "trust.toml"
    file.write_text(
        '[[trust]]\nissuer = "http://127.0.0.1:9"\naudience = "lineage"\n'
        'claims = {sub = "x"}\nscopes = ["read"]\n'
    )
    with registry_server(filled, trust=file) as address:
        answer = _get(address, issuer.sign(iss="http://127.0.0.1:9"))
        assert "cannot be fetched" in _refused(answer, 503)
        assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "text",
    [
        "[[trust",
        '[[trust]]\nissuer = "http://example.com"\naudience = "a"\nclaims = {a = "b"}\nscopes = ["read"]',
        '[[trust]]\nissuer = "https://example.com"\naudience = "a"\nclaims = {}\nscopes = ["read"]',
        '[[trust]]\nissuer = "https://example.com"\naudience = ""\nclaims = {a = "b"}\nscopes = ["read"]',
        '[[trust]]\nissuer = "https://example.com"\naudience = "a"\nclaims = {a = "b"}\nscopes = ["root"]',
        '[[trust]]\nissuer = "https://example.com"\naudience = "a"\nclaims = {a = "b"}\nscopes = ["read"]\nmodels = ["A"]',
    ],
)
def test_a_list_of_issuers_that_is_wrong_is_refused_at_the_start(tmp_path, text):
    from lineage.api import trust

    from lineage.errors import UsageError

    (tmp_path / "trust.toml").write_text(text)
    with pytest.raises(UsageError):
        trust.read(tmp_path / "trust.toml")


def test_a_clock_that_jumps_does_not_bring_a_token_back():
    over = Principal("t", frozenset({Scope.READ}), expires_at="2020-01-01T00:00:00.000000Z")
    with pytest.raises(NotAuthenticated):
        tokens.check_time(over, timestamps.now())


def test_secrets_do_not_travel_in_clear_or_in_addresses(monkeypatch):
    from lineage.errors import UsageError

    with pytest.raises(UsageError, match="unencrypted"):
        connect("http://registry.example.com", token="lng_x")
    with pytest.raises(UsageError, match="no place in the registry's URL"):
        connect("https://user:secret@registry.example.com")
    with pytest.raises(UsageError, match="cannot be one"):
        connect("https://registry.example.com", token="a\nb")
    monkeypatch.setenv("LINEAGE_ALLOW_HTTP", "1")
    connect("http://registry.example.com", token="lng_x").close()
    monkeypatch.setenv("LINEAGE_TIMEOUT", "0.5")
    with connect("http://127.0.0.1:9") as remote, pytest.raises(RegistryUnreachable):
        remote.environments()


def test_only_who_looked_may_say_that_a_known_copy_is_intact(filled, server, monkeypatch):
    """Who registers says so of what nobody knew; it overturns no look, nor makes an old one new."""

    def acting(*scopes):
        monkeypatch.setenv("LINEAGE_TOKEN", _token(filled, "read", *scopes)["token"])
        return connect(server)

    def state(registry):
        (copy,) = registry.stored("churn@1").copies
        return copy.state.value, copy.checked_by

    with connect(filled) as registry:
        for name in ("far", "near", "away"):
            registry.add_store(a_copy("1", name).store, actor="t")
    missing = [CopyCheck("remote", CopyState.MISSING, deep=True)]
    with acting("register", "validate") as remote:
        with pytest.raises(NotPermitted, match="lacks the scope observe:weights") as caught:
            remote.record_checks("churn@1", missing, actor="t")
        assert "scope=observe:weights" in caught.value.remedy
        with pytest.raises(NotPermitted, match="lacks the scope observe:weights"):
            remote.record_weights("churn@1", "intact", "model.bin", actor="t")
    with acting("observe:weights") as remote:
        remote.record_checks("churn@1", missing, actor="t")
        with pytest.raises(NotPermitted):
            remote.add_copy("churn@1", a_copy("1"), actor="t")
    with acting("register") as remote:
        assert remote.register("churn", captured("1"), actor="t").created is False
        remote.add_copy("churn@1", a_copy("1"), actor="t")
        assert state(remote) == ("missing", "ci")
        remote.add_copy("churn@1", a_copy("1", "far"), actor="t")
        states = [copy.state.value for copy in remote.stored("churn@1").copies]
        assert states == ["unreachable", "missing"], "nobody who may looked for the new one"
        stored = (a_copy("1", "near"),)
        remote.register("churn", replace(captured("1"), stored=stored), actor="t")
        near = next(c for c in remote.stored("churn@1").copies if c.store.name == "near")
        assert (near.state, near.deep, near.deep_at) == (CopyState.UNREACHABLE, False, None)
        fresh = remote.register("churn", replace(captured("7"), stored=(a_copy("7"),)), actor="t")
        assert [c.state.value for c in remote.stored(fresh.ref).copies] == ["intact"]
    with acting("register", "observe:weights") as remote:
        remote.add_copy("churn@1", a_copy("1"), actor="t")
        states = [copy.state.value for copy in remote.stored("churn@1").copies]
        assert states == ["unreachable", "unreachable", "intact"]
        remote.add_copy("churn@1", a_copy("1", "far"), actor="t")
        remote.add_copy("churn@1", a_copy("1", "away"), actor="t")
        states = [copy.state.value for copy in remote.stored("churn@1").copies]
        assert states == ["intact", "intact", "unreachable", "intact"]


def test_only_an_admin_declares_that_every_host_mounts_a_folder(filled, server, monkeypatch):
    folder = StoreAddress("nas", "file:///mnt/models")
    monkeypatch.setenv("LINEAGE_TOKEN", _token(filled, "register", "read")["token"])
    with connect(server) as remote:
        with pytest.raises(NotPermitted, match="is no store of this registry") as refused:
            remote.add_store(folder, actor="t")
        assert "store add nas file:///mnt/models" in refused.value.remedy
        with connect(filled) as registry:
            assert registry.add_store(folder, actor="t") is True
        assert remote.add_store(folder, actor="t") is False
        with pytest.raises(NotPermitted, match="lacks the scope admin"):
            remote.add_store(folder, shared=True, actor="t")
        assert {row["name"]: row["shared"] for row in remote.stores()}["nas"] is False
    monkeypatch.setenv("LINEAGE_TOKEN", _token(filled, "admin")["token"])
    with connect(server) as remote:
        assert remote.add_store(folder, shared=True, actor="t") is False
        assert {row["name"]: row["shared"] for row in remote.stores()}["nas"] is True


def test_a_server_that_asks_for_tokens_has_many_hosts(filled, server, monkeypatch):
    monkeypatch.setenv("LINEAGE_TOKEN", _token(filled, "admin")["token"])
    copy = replace(a_copy("9"), store=StoreAddress("local", "file:///srv/weights"))
    with connect(server) as remote:
        assert remote.shared
        lonely = replace(captured("9"), stored=(copy,))
        ref = remote.register("churn", lonely, actor="t").ref
        remote.validate(ref, captured_pipeline(), passed=True, actor="t")
        (failure,) = remote.guard(ref, "production").failures
        assert (failure.code, "folder of one host" in failure.summary) == ("weights-intact", True)
        with pytest.raises(GuardRefused):
            remote.promote(ref, "production", actor="t")
    with registry_server(filled, no_auth=True) as address, connect(address) as alone:
        assert not alone.shared
        assert alone.guard(ref, "production").allowed


def test_a_place_that_is_known_is_answered_as_the_store_that_it_is(filled, server):
    token = _token(filled, "admin")["token"]
    place = {"url": "s3://bucket/weights", "marker": "a" * 32}
    alias = {"name": "alias", "url": "s3://elsewhere/weights", "marker": "a" * 32}
    answers = [
        httpx.post(f"{server}/v1/stores", json=body, headers={"Authorization": f"Bearer {token}"})
        for body in ({"name": "main"} | place, alias)
    ]
    assert [answer.status_code for answer in answers] == [201, 200]
    for answer, created in zip(answers, (True, False), strict=True):
        known = {"name": "main", "config": {}, "shared": True, "copies": 0, "created": created}
        assert answer.json().items() >= (known | place).items()


def test_only_an_admin_records_what_a_known_store_is_known_by(filled, server, monkeypatch):
    """Every pull and every registration believes a recorded marker."""

    def acting(*scopes):
        monkeypatch.setenv("LINEAGE_TOKEN", _token(filled, "read", *scopes)["token"])
        return connect(server)

    def marker(remote, name):
        return next(row for row in remote.stores() if row["name"] == name).get("marker")

    def with_marker(digit):
        return replace(store, marker=digit * 32)

    store = StoreAddress("main", "s3://bucket/weights")
    with connect(filled) as registry:
        registry.add_store(store, actor="t")
    with acting("register") as remote:
        remote.add_store(with_marker("a"), actor="t")
        unmarked = a_copy("1", "main")
        remote.add_copy("churn@1", replace(unmarked, store=with_marker("a")), actor="t")
        assert marker(remote, "main") is None
    with acting("admin") as remote:
        remote.add_store(with_marker("b"), actor="t")
        assert marker(remote, "main") == "b" * 32
    with acting("register") as remote:
        with pytest.raises(NotPermitted, match="another marker: that it is another place") as told:
            remote.add_store(with_marker("a"), actor="t")
        assert "scope=admin" in told.value.remedy
        assert marker(remote, "main") == "b" * 32
        stored = (replace(a_copy("8"), store=with_marker("b")),)
        assert remote.register("churn", replace(captured("8"), stored=stored), actor="t").created
    with acting("admin") as remote:
        remote.add_store(with_marker("a"), actor="t")
        assert marker(remote, "main") == "a" * 32
        other = StoreAddress("other", "s3://other/weights", marker="c" * 32)
        remote.add_store(other, actor="t")
        with pytest.raises(Conflict, match="leads to store other now, which is recorded") as known:
            remote.add_store(with_marker("c"), actor="t")
        assert "store copy REF to=other" in known.value.remedy
        assert marker(remote, "main") == "a" * 32
