"""Links to where a repository is looked at: of known hosts, made of nothing but names."""

from __future__ import annotations

import pytest
from lineage.api.pages.repositories import commit_of, commit_page, compare_page

A, B = "a" * 40, "b" * 40
BASE = {
    "https://github.com/o/r.git": f"https://github.com/o/r/compare/{A}...{B}",
    "git@github.com:o/r": f"https://github.com/o/r/compare/{A}...{B}",
    "ssh://git@gitlab.com/g/sub/r.git": f"https://gitlab.com/g/sub/r/-/compare/{A}...{B}",
    "https://bitbucket.org/o/r/": f"https://bitbucket.org/o/r/branches/compare/{B}..{A}",
}


@pytest.mark.parametrize("remote", BASE)
def test_two_commits_are_side_by_side_at_a_known_host(remote):
    assert compare_page(remote, A, B) == BASE[remote]
    assert compare_page(remote, A, A) is None
    assert commit_page(remote, A).endswith(A)


@pytest.mark.parametrize(
    "remote",
    [
        None, "", "/home/ana/repo", "file:///r", "http://github.com/o/r", "https://github.com/o", "https://user@github.com/o/r",
        "https://github.com.evil.example/o/r", "https://evil.example/github.com/o/r", "javascript:alert(1)//github.com/o/r",
        "https://github.com/../../o", "https://github.com/o/r?x=1", 'https://github.com/o/r"onclick="x', "https://github.com/o/r\n",
        "https://github.com/o//r", "https://github.com/ö/r",
    ],
)  # fmt: skip
def test_there_is_no_link_to_anything_else(remote):
    assert compare_page(remote, A, B) is None


@pytest.mark.parametrize("commit", [None, "", "a" * 39, "main", A + "\n", "A" * 40, "../" + A])
def test_a_commit_is_named_by_its_whole_id(commit):
    assert compare_page("https://github.com/o/r", A, commit) is None
    assert commit_page("https://github.com/o/r", commit) is None


def test_the_commit_of_code_with_changes_is_the_one_below_them():
    assert commit_of(f"git:{A}+xxh3:{'0' * 32}") == commit_of(f"git:{A}") == A
    assert commit_of(None) is None
