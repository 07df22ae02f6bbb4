"""Object stores through obstore, as a serving host reads them: S3 of moto, GCS's and Azure's calls."""

from __future__ import annotations

import random

import pytest

from lineage.errors import StoreUnreachable, UsageError
from lineage.hashing.blocks import blake3_through
from lineage.weights import cloud_settings, cloud_store, filesystems
from lineage.weights.copies import StoreAddress
from lineage.weights.remote_store import CHUNK
from tests.support.blob_server import blob_server
from tests.support.weights_stores import CREDENTIALS, new_bucket

NAME = "d41d8cd98f00b204e9800998ecf8427e"
DATA = random.Random(1).randbytes(2 * CHUNK + 7)
KEY = "c2VjcmV0LWtleS1vZi1henVyZQ=="


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """A user who has no credentials at home or in the environment."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def blobs():
    with blob_server() as server:
        yield server


def opened(url, **said):
    kind = url.partition(":")[0]
    return cloud_store.opened(
        StoreAddress("store", url), kind, filesystems.known(kind, said), attempts=1
    )


def gs(blobs, **said):
    return opened("gs://bucket/my weights", endpointurl=blobs.endpoint, **said)


def azure(blobs, more=f"AccountKey={KEY}", **said):
    text = f"BlobEndpoint={blobs.endpoint}/acc;AccountName=acc;{more}"
    return opened("azure://box/my weights", connection_string=text, **said)


def s3(endpoint, bucket, **said):
    keys = {"access_key_id": "AKIATEST", "secret_access_key": "test-secret"}
    return opened(f"s3://{bucket}/weights", endpointurl=endpoint, **keys | said)


@pytest.fixture(params=["s3", "gs", "azure"])
def filled(request, blobs):
    """A store that holds one object, and an empty one."""
    if request.param == "s3":
        bucket = new_bucket(request.getfixturevalue("s3"))
        bucket.put(NAME, DATA)
        bucket.put("e" * 32, b"")
        return s3(bucket.endpoint, bucket.name)
    place = {"gs": "bucket/my weights", "azure": "acc/box/my weights"}[request.param]
    blobs.put(place, NAME, DATA)
    blobs.put(place, "e" * 32, b"")
    return gs(blobs, allow_anonymous_login="true") if request.param == "gs" else azure(blobs)


def test_what_lies_there_is_read_in_pieces_and_whole(filled):
    assert filled.size(NAME) == len(DATA)
    assert filled.size("f" * 32) is None
    assert filled.read(NAME, 3, 10) == DATA[3:10]
    assert filled.read(NAME, len(DATA) - 3, len(DATA) + 9) == DATA[-3:]
    assert filled.read(NAME, len(DATA), len(DATA) + 9) == b""
    assert filled.read("e" * 32, 0, 1) == b""
    with pytest.raises(FileNotFoundError):
        filled.read("f" * 32, 0, 1)
    blocks = list(filled.stream(NAME, len(DATA), 5))
    assert b"".join(blocks) == DATA[5:]
    assert max(map(len, blocks)) <= CHUNK
    assert filled.blake3(NAME, len(DATA)) == blake3_through(iter([DATA]))
    assert filled.perhaps({NAME}) == {NAME}
    assert filled.marker() is None


def test_it_is_only_read(filled, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    for write in (
        filled.try_writing,
        lambda: filled.put_bytes("a" * 32, b"x"),
        lambda: filled.put_file("a" * 32, tmp_path / "file"),
        lambda: filled.remove(NAME),
    ):
        with pytest.raises(UsageError, match="only read here"):
            write()
    assert filled.size(NAME) == len(DATA)


def test_a_store_is_found_by_its_marker(blobs):
    blobs.objects["/bucket/my weights/lineage-store.json"] = b'{"id": "' + b"a" * 32 + b'"}'
    assert gs(blobs, allow_anonymous_login=True).marker() == "a" * 32


# with whose credentials


def test_nobody_is_shown_none_of_the_environments_credentials(blobs, monkeypatch):
    for name, value in (CREDENTIALS | {"AWS_SESSION_TOKEN": "session"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "bearer-of-google")
    with pytest.raises(FileNotFoundError):
        opened("s3://bucket/path", endpointurl=blobs.endpoint, allow_anonymous_login=True).read(
            NAME, 0, 1
        )
    with pytest.raises(FileNotFoundError):
        gs(blobs, allow_anonymous_login=True).read(NAME, 0, 1)
    assert len(blobs.asked) >= 2
    for target, headers in blobs.asked:
        assert {"authorization", "x-amz-security-token"} & headers.keys() == set()
        assert "Signature" not in target


def test_a_stores_own_keys_go_without_the_environments_token(blobs, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "own-session")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    assert s3(blobs.endpoint, "bucket").size(NAME) is None
    ((_, headers), *_) = blobs.asked
    assert "Credential=AKIATEST/" in headers["authorization"]
    assert "own-session" not in str(headers)
    assert s3(blobs.endpoint, "bucket", session_token="its-own").size(NAME) is None
    assert blobs.asked[-1][1]["x-amz-security-token"] == "its-own"


def test_a_sas_token_goes_without_the_environments_key_and_bearer(blobs, monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_TOKEN", "bearer-of-azure")
    monkeypatch.setenv("AZURE_STORAGE_ACCESS_KEY", KEY)
    assert azure(blobs, "SharedAccessSignature=?sv=2024&sig=abc%2Bdef").size(NAME) is None
    target, headers = blobs.asked[0]
    assert "sig=abc%2Bdef" in target
    assert "authorization" not in headers


def test_a_profile_of_the_users_files_is_used(blobs, monkeypatch, tmp_path):
    (tmp_path / "keys").write_text(
        "[mine]\naws_access_key_id = AKIAMINE\naws_secret_access_key = x\n"
    )
    (tmp_path / "config").write_text("[profile mine]\nregion = eu-west-3\n")
    said = {"profile": "mine", "endpointurl": blobs.endpoint}
    places = {"credentialpath": str(tmp_path / "keys"), "configpath": str(tmp_path / "config")}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own-secret")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert opened("s3://bucket/path", **said, **places).size(NAME) is None
    authorization = blobs.asked[0][1]["authorization"]
    assert "Credential=AKIAMINE/" in authorization
    assert "/eu-west-3/s3/" in authorization
    with pytest.raises(ValueError, match="no keys of the profile 'other'"):
        opened("s3://bucket/path", profile="other", **places)
    (tmp_path / "config").write_text("[profile far]\ncredential_process = /bin/keys\n")
    with pytest.raises(ValueError, match=r"credential_process.* pip install s3fs"):
        opened("s3://bucket/path", profile="far", **places)
    (tmp_path / "keys").write_text("secret-line-without-a-section\n")
    with pytest.raises(ValueError, match=r"keys cannot be read$"):
        opened("s3://bucket/path", **said, **places)


@pytest.mark.parametrize("text", ["{}", "[]", "no json"])
def test_a_file_without_credentials_of_googles_is_told(text, tmp_path):
    (tmp_path / "key.json").write_text(text)
    with pytest.raises(ValueError, match=r"key\.json holds no credentials"):
        opened("gs://bucket/path", credentialpath=str(tmp_path / "key.json"))
    with pytest.raises(ValueError, match=r"gone\.json: no such file"):
        opened("gs://bucket/path", credentialpath=str(tmp_path / "gone.json"))


# what fails


@pytest.mark.parametrize("status", [403, 401, 500])
def test_a_refusal_is_one_sentence_without_the_secret(status, blobs):
    blobs.status = status
    for store in (
        azure(blobs, "SharedAccessSignature=sv=2024&sig=abcdefgh"),
        gs(blobs, allow_anonymous_login=True),
        s3(blobs.endpoint, "bucket"),
    ):
        with pytest.raises(StoreUnreachable) as refused:
            store.read(NAME, 0, 1)
        said = str(refused.value)
        assert "\n" not in said
        assert len(said) < 500
        for secret in ("abcdefgh", "test-secret", "Debug source"):
            assert secret not in said


def test_a_connection_without_tls_is_made_only_where_the_address_says_so():
    for said, allowed in (
        ({"endpointurl": "http://127.0.0.1:9"}, True),
        ({"endpointurl": "https://minio.example.com"}, False),
        ({}, False),
    ):
        assert cloud_settings.gs(said)["client_options"]["allow_http"] is allowed
    with pytest.raises(ValueError, match="use_ssl"):
        cloud_settings.s3({"use_ssl": False})
    assert cloud_settings.s3({"ssl_verify": False})["client_options"]["allow_invalid_certificates"]


def test_a_connection_string_is_read_as_azure_does():
    text = "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5PQ==;EndpointSuffix=core.chinacloudapi.cn"
    config = cloud_settings.azure({"connection_string": text})["config"]
    assert config == {
        "account_name": "acc",
        "account_key": "a2V5PQ==",
        "endpoint": "https://acc.blob.core.chinacloudapi.cn",
        "credential_type": "access_key",
    }
    with pytest.raises(ValueError, match="names no account"):
        cloud_settings.azure({"connection_string": "AccountKey=a2V5"})
    with pytest.raises(ValueError, match="account_name or a connection_string"):
        cloud_settings.azure({})
