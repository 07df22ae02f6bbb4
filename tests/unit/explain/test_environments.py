"""What differs between the environments of two versions' newest verdicts."""

from __future__ import annotations

from lineage.explain.environments import compare_environments
from lineage.identity.run_environment import RunEnvironment

OLD = RunEnvironment(("cpython 3.11.7",), ("linux-x86_64",), {"numpy": ("2.3.0",)})
NEW = RunEnvironment(("cpython 3.11.7",), ("linux-x86_64",), {"numpy": ("2.4.6",)})


def version(ref, *validations):
    return {"ref": ref, "validations": list(validations)}


def verdict(number, environment=None, basis="run"):
    known = environment.to_json() | {"since": None} if environment else None
    return {"id": number, "basis": basis, "environment": known}


def test_the_newest_verdicts_are_compared():
    first = version("churn@1", verdict(3, OLD), verdict(1, NEW))
    second = version("churn@2", verdict(4, NEW))
    found = compare_environments(first, second)
    assert found["same"] is False
    assert found["explanation"] == ["numpy 2.3.0 → 2.4.6"]
    assert (found["first"]["validation"], found["second"]["validation"]) == (3, 4)
    assert found["second"]["packages"] == {"numpy": ["2.4.6"]}
    assert compare_environments(first, first)["same"] is True


def test_where_one_is_not_known_it_says_why():
    known = version("churn@1", verdict(1, OLD))
    for other, says in (
        (version("churn@2"), "there is no verdict on churn@2"),
        (version("churn@2", verdict(2, basis="stated")), "is not known: it was stated"),
        (version("churn@2", verdict(2, basis="carried"), verdict(1, NEW)), "was carried over"),
        (version("churn@2", verdict(2)), "no Python was observed"),
    ):
        found = compare_environments(known, other)
        assert (found["same"], found["second"], found["changes"]) == (None, None, [])
        (sentence,) = found["explanation"]
        assert says in sentence
