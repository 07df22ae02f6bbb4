"""What opens a store without DVC is what DVC would open it with, whatever the settings."""

from __future__ import annotations

import base64
import os

import pytest
from dvc.config import Config
from dvc.config_schema import REMOTE_SCHEMAS
from dvc.fs import get_cloud_fs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from voluptuous import Marker

from lineage.errors import UsageError
from lineage.weights import dvc_config, filesystems
from lineage.weights.copies import StoreAddress
from lineage.weights.store import open_store

VALUES = {
    "sse_customer_key": [base64.b64encode(b"k" * 32).decode(), "no base64"],
    "jobs": ["3", 0, "many"], "checksum_jobs": [2], "read_timeout": ["4", 5], "connect_timeout": [3],
    "ssl_verify": ["true", "False", "/ca.pem"],
}  # fmt: skip
BOOLEANS = {"use_ssl", "allow_anonymous_login", "verify", "listobjects", "no_traverse"}


def keys_of(kind):
    found = {str(key.schema if isinstance(key, Marker) else key) for key in REMOTE_SCHEMAS[kind]}
    return found - {"url"}


def values_of(key):
    if key in BOOLEANS:
        return ["true", "FALSE", True, "perhaps"]
    return VALUES.get(key, ["a", "b"])


@st.composite
def s3_settings(draw):
    keys = sorted(
        keys_of("s3")
        - {"version_aware", "worktree", "cache_regions", "configpath", "credentialpath"}
    )
    chosen = draw(st.lists(st.sampled_from(keys), max_size=6, unique=True))
    return {key: draw(st.sampled_from(values_of(key))) for key in chosen}


@pytest.mark.parametrize("kind", ["s3", "gs", "azure"])
def test_every_setting_of_dvc_is_known(kind):
    assert filesystems._KNOWN[kind].keys() == keys_of(kind)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(s3_settings())
def test_s3_is_opened_as_dvc_would(said):
    try:
        cls, config, _ = get_cloud_fs({}, url="s3://bucket/path", **said)
        wanted = cls(**config).fs_args
        wanted.pop("skip_instance_cache")
    except Exception:
        wanted = None
    try:
        known = filesystems.known("s3", said)
        assert known is not None
        told = filesystems.s3_words(known)
    except ValueError:
        told = None
    assert told == wanted


def test_the_users_own_files_of_aws_count(tmp_path, monkeypatch):
    own = tmp_path / "aws"
    own.write_text("[default]\ns3 =\n  addressing_style = path\n  multipart_chunksize = 8MB\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(own))
    cls, config, _ = get_cloud_fs({}, url="s3://bucket/path")
    wanted = cls(**config).fs_args
    wanted.pop("skip_instance_cache")
    assert filesystems.s3_words({}) == wanted
    assert wanted["config_kwargs"]["s3"] == {"addressing_style": "path"}
    monkeypatch.delenv("AWS_CONFIG_FILE")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    filesystems.s3_words({"configpath": str(own), "credentialpath": "/keys"})
    assert os.environ["AWS_CONFIG_FILE"] == str(own)
    assert os.environ["AWS_SHARED_CREDENTIALS_FILE"] == "/keys"


def test_gcs_and_azure_are_told_what_their_plugins_would_tell():
    """As dvc-gs and dvc-azure do: they are not installed here, so this is their source, read."""
    assert filesystems.gs_words({"projectname": "p", "credentialpath": "/k"}) == {
        "consistency": None, "version_aware": False, "project": "p", "token": "/k",
        "endpoint_url": None, "session_kwargs": {"trust_env": True},
    }  # fmt: skip
    assert (
        filesystems.gs_words({"allow_anonymous_login": True, "credentialpath": "/k"})["token"]
        == "anon"
    )

    def none(_):
        return None

    with pytest.raises(ValueError, match="account_name or a connection_string"):
        filesystems.azure_words({}, none, dict)
    keyed = filesystems.azure_words({"account_name": "a", "account_key": "k"}, none, dict)
    assert "credential" not in keyed
    own = filesystems.azure_words({}, {"account": "mine", "key": "k"}.get, dict)
    assert (own["account_name"], own["account_key"]) == ("mine", "k")
    default = filesystems.azure_words({"account_name": "a"}, none, dict)
    assert default["credential"]["exclude_interactive_browser_credential"] is False
    anonymous = {"account_name": "a", "allow_anonymous_login": True}
    assert "credential" not in filesystems.azure_words(anonymous, none, dict)


CONFIGS = [
    "[core]\n    remote = main\n['remote \"main\"']\n    url = ../there\n",
    "['remote \"Main\"']\n    URL = ~/there\n    credentialpath = keys\n    configpath = /abs/x\n",
    '["remote \\"x\\""]\n url = s3://b/p\n',
    "['remote \"a\"']\n    url = s3://bucket\n['remote \"b\"']\n    url = remote://a/sub\n    jobs = 4\n",
    "[core]\n    analytics = false\n",
    "['remote \"list\"']\n    url = /x, /y\n",
    "[cache]\ndir = x\n['machine \"m\"']\ncloud = aws\n",
    "",
    "# only words\n",
]


@pytest.mark.parametrize("text", CONFIGS)
def test_the_files_of_dvc_are_read_as_dvc_reads_them(text, tmp_path, monkeypatch):
    for name in ("SYSTEM", "GLOBAL"):
        monkeypatch.setenv(f"DVC_{name}_CONFIG_DIR", str(tmp_path / name))
        (tmp_path / name).mkdir()
    (tmp_path / "SYSTEM/config").write_text("['remote \"s\"']\n    url = elsewhere\n")
    (tmp_path / "GLOBAL/config").write_text(text)
    dvc = tmp_path / "checkout/.dvc"
    dvc.mkdir(parents=True)
    (dvc / "config").write_text(text)
    (dvc / "config.local").write_text("['remote \"main\"']\n    access_key_id = a\n")
    try:
        config = Config(dvc_dir=os.fspath(dvc), validate=False)
        wanted = {level: config.load_one(level) for level in ("system", "global", "repo", "local")}
    except Exception:
        wanted = None
    try:
        found = dict(dvc_config.levels(tmp_path / "checkout"))
    except UsageError:
        found = None
    assert (found is None) == (wanted is None)
    for level, document in (found or {}).items():
        assert document["remote"] == wanted[level]["remote"]
        assert document["core"] == wanted[level]["core"]


@pytest.mark.parametrize(
    "data", [b"[unclosed", b"\xff\xfe", b"[[a]]\n" * 3, b"x" * ((1 << 20) + 1)]
)
def test_a_file_that_is_none_is_said_so(data, tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path))
    (tmp_path / "config").write_bytes(data)
    with pytest.raises(UsageError, match="DVC's configuration cannot be read"):
        list(dvc_config.levels(None))


def test_a_remote_that_stands_on_itself_ends():
    remotes = {"a": {"url": "remote://b/x"}, "b": {"url": "remote://a/y"}}
    with pytest.raises(ValueError, match="stands on itself"):
        dvc_config.resolved(remotes, "a")


def test_a_setting_that_only_dvc_knows_is_left_to_dvc():
    assert filesystems.known("s3", {"a_later_setting": "x"}) is None
    assert filesystems.known("ssh", {}) is None


def test_a_version_aware_remote_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path))
    (tmp_path / "config").write_text(
        "['remote \"a\"']\n    url = s3://b/p\n    version_aware = true\n"
    )
    with pytest.raises(UsageError, match="version-aware"):
        open_store(StoreAddress("a", "s3://b/p"))
