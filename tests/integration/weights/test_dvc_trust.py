"""What a repository, or a registry, says of a DVC remote opens nothing with what is the user's."""

from __future__ import annotations

import contextlib
import http.server
import threading

import pytest
from dvc.config_schema import REMOTE_SCHEMAS
from dvc.fs import LocalFileSystem
from voluptuous import Marker

from lineage.errors import StoreUnreachable, UsageError
from lineage.weights import dvc_trust
from lineage.weights.copies import PUBLIC, StoreAddress
from lineage.weights.dvc_remotes import remote_of, settings_of
from lineage.weights.store import open_store

EVIL = "http://evil.example"
CREDENTIALS = {
    "access_key_id", "secret_access_key", "session_token", "sse_customer_key", "profile",
    "credentialpath", "configpath", "endpointurl", "password", "ask_password", "passphrase",
    "ask_passphrase", "keyfile", "gss_auth", "allow_agent", "kerb_ticket", "kerberos", "token",
    "kerberos_principal", "proxy_to", "data_proxy_target", "connection_string", "sas_token",
    "account_key", "tenant_id", "client_id", "client_secret", "oss_key_id", "oss_key_secret",
    "oss_endpoint", "gdrive_client_id", "gdrive_client_secret", "gdrive_user_credentials_file",
    "gdrive_service_account_json_file_path", "gdrive_service_account_user_email",
    "gdrive_use_service_account", "custom_auth_header", "bearer_token_command", "cert_path",
    "key_path", "ssl_verify", "sse_customer_algorithm", "use_ssl", "account_name",
}  # fmt: skip
"""Every setting of DVC's remotes that names, is, runs or misleads a credential, read by hand."""

EVERY = {
    (kind, str(key.schema if isinstance(key, Marker) else key))
    for kind, schema in REMOTE_SCHEMAS.items()
    if isinstance(schema, dict) and kind not in ("", "remote")
    for key in schema
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's home with a configuration of DVC's own, in a checkout."""
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "home"))
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "system"))
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    (tmp_path / "checkout/.dvc").mkdir(parents=True)
    (tmp_path / "checkout/.dvc/config").touch()
    monkeypatch.chdir(tmp_path / "checkout")
    return tmp_path


def written(path, *remotes, default="main"):
    lines = [f"[core]\n    remote = {default}\n"]
    for name, settings in remotes:
        lines.append(f"['remote \"{name}\"']\n")
        lines += [f"    {key} = {value}\n" for key, value in settings.items()]
    path.write_text("".join(lines))


@pytest.mark.parametrize(("kind", "key"), sorted(EVERY))
def test_every_setting_of_dvc_is_harmless_or_refused(kind, key):
    found = dvc_trust.refused(f"{kind}://host/path", {"url": f"{kind}://host/path", key: EVIL}, {})
    assert found == (key if key in CREDENTIALS else None)
    own = dvc_trust.refused(f"{kind}://host/path", {key: EVIL}, {key: "mine"})
    assert own is None, "what the user says counts instead"
    assert dvc_trust.counting({key: EVIL}, {key: "mine"}) == {key: "mine"} or key == "url"


@pytest.mark.parametrize("name", ["evil.example/?", "evil.example#", "me@evil.example", "a/b", 7])
def test_an_account_of_azures_is_a_name_and_makes_no_other_host(name):
    """Its host is made as f"https://{name}.blob.core.windows.net"."""
    said = {"url": "azure://container/x", "account_name": name}
    assert dvc_trust.refused("azure://container/x", said, {}) == "account_name"
    own = {"account_name": "mine", "account_key": "k"}
    assert dvc_trust.refused("azure://container/x", said, own) is None
    said["account_name"] = "companymodels1"
    assert dvc_trust.refused("azure://container/x", said, {}) is None


def test_the_users_password_goes_to_the_port_that_the_user_means():
    said = {"url": "ssh://host/x", "port": 2222}
    assert dvc_trust.refused("ssh://host/x", said, {}) is None
    assert dvc_trust.refused("ssh://host/x", said, {"password": "p"}) == "port"
    assert dvc_trust.refused("ssh://host/x", said, {"password": "p", "port": 22}) is None


def test_no_host_is_lent_the_users_agent(home, monkeypatch):
    """dvc-ssh forwards it to every host by default, and is not installed here."""
    told = {}

    class Remote(LocalFileSystem):
        def __init__(self, **config):
            told.update(config)
            super().__init__()

    monkeypatch.setattr("dvc.fs.get_cloud_fs", lambda _, **said: (Remote, said, str(home)))
    open_store(StoreAddress("main", "ssh://host/x"))
    assert told["agent_forwarding"] is False


def test_a_setting_that_dvc_will_have_is_refused():
    assert dvc_trust.refused("s3://b", {"credential_hook": "run"}, {}) == "credential_hook"


@pytest.mark.parametrize("level", ["config", "config.local"])
@pytest.mark.parametrize(
    ("url", "key", "value"),
    [
        ("s3://b/p", "configpath", "/tmp/aws"), ("s3://b/p", "credentialpath", "/tmp/aws"),
        ("s3://b/p", "profile", "evil"), ("s3://b/p", "endpointurl", EVIL),
        ("s3://b/p", "ssl_verify", "false"), ("s3://b/p", "use_ssl", "false"),
        ("s3://b/p", "access_key_id", "half"), ("https://evil.example/x", "ask_password", "true"),
        ("https://evil.example/x", "password", "x"),
    ],
)  # fmt: skip
def test_a_repository_is_refused_with_what_to_set(home, level, url, key, value):
    written(home / "checkout/.dvc" / level, ("main", {"url": url, key: value}))
    with pytest.raises(UsageError, match=f"The repository sets {key} of the DVC remote main") as no:
        remote_of(home / "checkout", None)
    assert f"dvc remote modify --global main {key}" in no.value.remedy
    with pytest.raises(StoreUnreachable, match=f"its {key} is not this host's own word"):
        open_store(StoreAddress("main", url))


def test_the_users_settings_are_found_by_the_place_and_not_by_the_name(home):
    mine = {"url": "s3://company/models", "profile": "mine", "endpointurl": "https://minio.example"}
    written(home / "home/config", ("main", mine))
    config = home / "checkout/.dvc/config"
    written(config, ("main", {"url": "s3://evil/models"}))
    assert settings_of(StoreAddress("x", "s3://evil/models")) == {}
    assert remote_of(home / "checkout", None).config == {}
    written(config, ("other", {"url": "s3://company/models"}), default="other")
    found = remote_of(home / "checkout", None)
    assert found.config == {"endpointurl": "https://minio.example"}
    assert settings_of(found)["profile"] == "mine"
    written(config, ("sub", {"url": "remote://main/team"}), default="sub")
    found = remote_of(home / "checkout", None)
    assert found.url == "s3://company/models/team"
    assert settings_of(found)["profile"] == "mine"
    assert settings_of(StoreAddress("x", "s3://company/models-of-others")) == {}


def test_a_repository_does_not_move_a_remote_of_the_users(home):
    mine = {"url": "s3://company/models", "profile": "mine"}
    written(home / "home/config", ("main", mine))
    config = home / "checkout/.dvc/config"
    written(config, ("main", {"endpointurl": EVIL}))
    with pytest.raises(UsageError, match="sets endpointurl"):
        remote_of(home / "checkout", None)
    keys = {"access_key_id": "a", "secret_access_key": "b", "endpointurl": EVIL}
    written(config, ("main", keys))
    with pytest.raises(UsageError, match="sets access_key_id"):
        remote_of(home / "checkout", None)
    written(config, ("main", {"url": "s3://evil/x"}), ("sub", {"url": "remote://main/x"}))
    assert settings_of(StoreAddress("x", "s3://evil/x/x")) == {}


def test_a_repository_may_bring_whole_keys_of_its_own(home):
    keys = {"access_key_id": "a", "secret_access_key": "b", "endpointurl": EVIL}
    written(home / "checkout/.dvc/config", ("main", {"url": "s3://b/p", "endpointurl": EVIL}))
    written(home / "checkout/.dvc/config.local", ("main", keys))
    found = remote_of(home / "checkout", None)
    assert found.config == {"endpointurl": EVIL}
    assert settings_of(found) == keys


def test_nobody_may_go_anywhere(home):
    anonymous = {"url": "s3://b/p", "endpointurl": EVIL, "allow_anonymous_login": "true"}
    written(home / "checkout/.dvc/config", ("main", anonymous))
    assert remote_of(home / "checkout", None).config["endpointurl"] == EVIL
    written(home / "checkout/.dvc/config", ("main", anonymous | {"allow_anonymous_login": "false"}))
    with pytest.raises(UsageError, match="sets endpointurl"):
        remote_of(home / "checkout", None)


def test_the_environment_says_where_its_credentials_go(home, monkeypatch):
    written(home / "checkout/.dvc/config", ("main", {"url": "s3://b/p", "endpointurl": EVIL}))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://other.example")
    with pytest.raises(UsageError, match="sets endpointurl"):
        remote_of(home / "checkout", None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{EVIL}/")
    assert remote_of(home / "checkout", None).config == {"endpointurl": EVIL}


@pytest.mark.parametrize("key", sorted(PUBLIC))
def test_a_registry_leads_no_credential_elsewhere(home, key, monkeypatch):
    """Where each setting that may be recorded is put beside the host's own session token."""
    sent = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            sent.append(str(self.headers))
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_PUT = do_GET  # noqa: N815 - as the library calls them

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    evil = f"http://127.0.0.1:{server.server_port}"
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKIAREAL"), ("AWS_SECRET_ACCESS_KEY", "s3cr3t"),
        ("AWS_SESSION_TOKEN", "SESSIONTOKEN"), ("AWS_DEFAULT_REGION", "us-east-1"),
        ("HTTPS_PROXY", evil), ("NO_PROXY", "127.0.0.1"), ("AWS_MAX_ATTEMPTS", "1"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    value = {"region": "eu-north-1", "jobs": 2, "port": 9, "sse": "AES256"}.get(key, evil)
    config = {key: value} if key != "endpointurl" else {key: evil}
    if key == "allow_anonymous_login":
        config = {key: True, "endpointurl": evil}
    try:
        with contextlib.suppress(StoreUnreachable):
            open_store(StoreAddress("main", "s3://b/p", config)).mark()
    finally:
        server.shutdown()
        server.server_close()
    assert "SESSIONTOKEN" not in "".join(sent)
    if key == "allow_anonymous_login":
        assert sent
        assert "Authorization" not in "".join(sent)
