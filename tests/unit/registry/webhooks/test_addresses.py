"""Where a webhook may lead: URLs that programs read in several ways, and addresses that are not public."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import UsageError
from lineage.registry.webhooks.addresses import Target, closed, networks, parse, resolve


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "shown"),
    [
        ("https://Hooks.example.com", "hooks.example.com", 443, "/", "https://hooks.example.com"),
        ("https://hooks.example.com/a/B?c=d", "hooks.example.com", 443, "/a/B?c=d",
         "https://hooks.example.com/…"),
        ("https://h_1.example:8443/x", "h_1.example", 8443, "/x", "https://h_1.example:8443/…"),
        ("https://[2606:4700::1]:444/x", "2606:4700::1", 444, "/x", "https://[2606:4700::1]:444/…"),
        ("http://192.0.2.1/", "192.0.2.1", 80, "/", "http://192.0.2.1"),
    ],
)  # fmt: skip
def test_a_url_is_read_into_its_parts(url, host, port, path, shown):
    target = parse(url)
    assert (target.host, target.port, target.path, target.shown) == (host, port, path, shown)


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.com", "ftp://example.com/", "file:///etc/passwd", "https:example.com",
        "https:/example.com", "https://", "https:///x", "https://user@example.com/",
        "https://user:secret@example.com/", "https://example.com\\@127.0.0.1/",
        "https://example.com/#fragment", "https://example.com#@127.0.0.1/", "https://example.com:/",
        "https://example.com:0/", "https://example.com:65536/", "https://example.com:1x/",
        "https://exam ple.com/", "https://example.com/\n", "https://example.com/\u2028",
        "https://ex\u00e4mple.com/", "https://example\u3002com/", "https://2130706433/",
        "https://0x7f000001/", "https://0x7f.1/", "https://017700000001/", "https://127.1/",
        "https://0177.0.0.1/", "https://127.0.0.1./", "https://1.2.3.4.5/", "https://example.0x10/",
        "https://[::1%25eth0]/", "https://[::1/", "https://[127.0.0.1]/", "https://::1/",
        "https://[example.com]/", "https://-a.example/", "https://a..b/", "https://.example/",
        "https://%31%32%37.0.0.1/", "https://example.com/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_plain_url_is_refused(url):
    with pytest.raises(UsageError, match="No webhook can lead there") as refused:
        parse(url)
    assert "secret" not in str(refused.value)


CLOSED = (
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254",
    "172.16.0.1", "192.168.1.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "239.1.2.3", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "2001:db8::1", "100::1",
)  # fmt: skip
OPEN = ("8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")
HTTPS = Target("https", "hooks.example.com", 443, "/")


@pytest.mark.parametrize("address", CLOSED)
def test_an_address_that_is_not_public_is_closed(address):
    assert closed(HTTPS, address, ()) is not None


@pytest.mark.parametrize("address", OPEN)
def test_a_public_address_is_open_by_https_alone(address):
    assert closed(HTTPS, address, ()) is None
    assert closed(Target("http", "h", 80, "/"), address, ()) is not None
    assert closed(Target("https", "h", 22, "/"), address, ()) is not None
    assert closed(Target("https", "h", 8443, "/"), address, ()) is None


@given(st.ip_addresses())
def test_no_address_within_another_gets_around_what_it_is_itself(address):
    """Whatever is open is public, and leads to nothing that is not."""
    if closed(HTTPS, str(address), ()) is None:
        assert not (address.is_private and getattr(address, "ipv4_mapped", None) is None) or (
            address in ipaddress.ip_network("64:ff9b::/96")
        )
        assert not address.is_loopback
        assert not address.is_link_local
        assert not address.is_multicast
        assert not address.is_unspecified


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_as_open_in_any_dress(address):
    """Mapped, by NAT64 or in a 6to4 network it leads to the same place."""
    plain = closed(HTTPS, str(address), ()) is None
    number = int(address)
    assert (closed(HTTPS, f"::ffff:{address}", ()) is None) == plain
    nat64 = ipaddress.IPv6Address((0x64_FF9B << 96) + number)
    assert (closed(HTTPS, str(nat64), ()) is None) == plain


def test_an_operator_opens_networks():
    allow = networks("10.0.0.0/8, fd00::/8,")
    assert closed(Target("http", "h", 80, "/"), "10.1.2.3", allow) is None
    assert closed(HTTPS, "::ffff:10.1.2.3", allow) is None
    assert closed(HTTPS, "fd00::1", allow) is None
    assert closed(HTTPS, "11.0.0.1", allow) is None  # it is a public one
    assert closed(HTTPS, "192.168.0.1", allow) is not None
    for wrong in ("10.0.0.1/8", "ten", "10.0.0.0/33"):
        with pytest.raises(UsageError, match="no network"):
            networks(wrong)


def _names(*addresses):
    def look_up(host, port, **_):
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    return look_up


def test_every_address_of_a_name_must_be_open():
    assert resolve(HTTPS, (), _names("8.8.8.8", "1.1.1.1", "8.8.8.8")) == ("8.8.8.8", "1.1.1.1")
    with pytest.raises(UsageError, match=r"127\.0\.0\.1 is not a public address"):
        resolve(HTTPS, (), _names("8.8.8.8", "127.0.0.1"))
    with pytest.raises(UsageError, match="has no address here"):
        resolve(HTTPS, (), _names())
    with pytest.raises(UsageError, match="has 9 addresses"):
        resolve(HTTPS, (), _names(*(f"8.8.8.{n}" for n in range(9))))
