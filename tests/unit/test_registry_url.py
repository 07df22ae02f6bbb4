"""A server has one spelling, and a URL tells whether the user or a repository named it."""

from __future__ import annotations

import pytest

from lineage.config.file import ConfigFile, registry_url
from lineage.errors import UsageError
from lineage.registry_url import named_by, server_of


@pytest.mark.parametrize(
    "url",
    [
        "https://lineage.example.com", "HTTPS://Lineage.Example.COM", "https://lineage.example.com/",
        "https://lineage.example.com:443", "https://lineage.example.com.", "https://lineage.example.com:0443//",
    ],
)  # fmt: skip
def test_a_server_has_one_spelling(url):
    assert server_of(url) == "https://lineage.example.com"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://BÜCHER.example:8443/lineage/", "https://xn--bcher-kva.example:8443/lineage"),
        ("http://[::0001]:80", "http://[::1]"),
        ("http://localhost:8000", "http://localhost:8000"),
    ],
)
def test_hosts_and_ports_are_written_as_they_are_asked(url, server):
    assert server_of(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "https://", "https:///x", "ftp://host", "https://good.example\\@evil.example",
        "https://good.example\t.evil.example", "https://good.example\n", " https://good.example",
        "https://good.example/../x", "https://good.example/a//b", "https://good.example/%2e%2e",
        "https://good.example?", "https://good.example/?a=b", "https://good.example#x",
        "https://good.example:x", "https://good.example:99999", "https://[::1", "https://[evil]/",
        "https://good.example;x", "https://-", "https://ex\u202eample.com", "https://good.example@",
        "https://user@good.example", "https://user:secret@good.example",
    ],
)  # fmt: skip
def test_what_two_readers_could_read_differently_is_refused(url):
    with pytest.raises(UsageError) as refused:
        server_of(url)
    assert "secret" not in str(refused.value).replace("A secret has", "")


def test_a_url_tells_which_file_named_it(tmp_path, monkeypatch):
    monkeypatch.delenv("LINEAGE_REGISTRY", raising=False)
    file = ConfigFile("lineage.toml", {"registry": {"url": "https://a.example"}})
    assert named_by(registry_url(file, tmp_path)) == "lineage.toml"
    relative = ConfigFile("pyproject.toml", {"registry": {"url": "sqlite:///x.db"}})
    assert named_by(registry_url(relative, tmp_path)) == "pyproject.toml"
    assert named_by(registry_url(file, tmp_path, "https://b.example")) is None
    assert named_by(registry_url(ConfigFile("lineage.toml", {}), tmp_path)) is None
    monkeypatch.setenv("LINEAGE_REGISTRY", "https://a.example")
    assert named_by(registry_url(file, tmp_path)) is None
