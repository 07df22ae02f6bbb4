"""Where a model from elsewhere is, and what is said of it, as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import CaptureError, UsageError
from lineage.identity.external import HubAddress, check_file_names, is_on_hub, stated_code

COMMIT = "0123456789" * 4


@pytest.mark.parametrize(
    ("text", "repo", "revision"),
    [
        ("hf://org/name@v1.0", "org/name", "v1.0"),
        ("hf://org/name", "org/name", "main"),
        ("hf://models/org/name@main", "org/name", "main"),
        ("hf://gpt2@" + COMMIT, "gpt2", COMMIT),
        ("hf://org/name@refs/pr/1", "org/name", "refs/pr/1"),
    ],
)
def test_an_address_of_a_hub_is_read(text, repo, revision):
    assert HubAddress.parse(text) == HubAddress(repo, revision)
    assert HubAddress.parse(text).place == f"hf://{repo}"
    assert is_on_hub(text)


@pytest.mark.parametrize(
    "text",
    ["hf://", "hf://org/", "hf://org/name@", "hf://org/name/file.bin", "hf://../name", "hf://a/b@..",
     "hf://org/name@v1/../../x", "hf://user:secret@org/name", "https://org/name", "hf://org/n\nme",
     "hf://org/name@v1 --x", "hf://-org/name", "hf://org/name@-x"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_its_secret(text):
    with pytest.raises(UsageError, match="no address of a model") as error:
        HubAddress.parse(text)
    assert "secret" not in str(error.value)
    assert "hf://ORG/NAME@REVISION" in error.value.remedy


def test_a_data_set_is_no_model():
    with pytest.raises(UsageError, match="begins with datasets/"):
        HubAddress.parse("hf://datasets/org/name")


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        (f"https://github.com/org/train@{COMMIT}", "https://github.com/org/train"),
        (f"https://me:secret@github.com/org/train@git:{COMMIT}", "https://github.com/org/train"),
        (f"git@github.com:org/train@{COMMIT}", "git@github.com:org/train"),
        (f"https://h/r?token=SECRETq@{COMMIT}", "https://h/r?token=***"),
        (COMMIT, None),
    ],
)
def test_the_code_that_is_stated_is_a_commit(text, remote):
    code = stated_code(text)
    assert (code.commit, code.remote, code.dirty) == (COMMIT, remote, False)


@pytest.mark.parametrize(
    "text", ["", "main", "https://h/org/train@main", COMMIT[:12], f"https://h/a\nb@{COMMIT}"]
)
def test_code_without_a_whole_commit_is_refused(text):
    with pytest.raises(UsageError, match="names no commit of the code"):
        stated_code(text)


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "", "a\\b", "C:/x", "a\nb", "a/"]
)
def test_a_file_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(CaptureError, match="no path inside"):
        check_file_names(["config.json", name], "hf://org/name@v1")


@given(st.lists(st.text(max_size=20), max_size=5).map("/".join))
def test_a_name_that_is_let_through_stays_inside(name):
    try:
        check_file_names([name], "it")
    except CaptureError:
        return
    assert name
    assert not name.startswith("/")
    assert not {"", ".", ".."} & set(name.split("/"))
