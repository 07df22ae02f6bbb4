"""What a policy no longer demands."""

from __future__ import annotations

import pytest

from lineage.guard.evidence import Basis, Evidence, SignedThing
from lineage.guard.loosening import loosened
from lineage.guard.policy import Demand, EnvironmentPolicy, LikeProduction
from lineage.identity.components import Proof

STRICT = EnvironmentPolicy(
    require=("auc >= 0.8",),
    models={"churn": ("recall >= 0.5",)},
    promote_from="staging",
    approvals=2,
    not_approvers=("ci",),
    backup="same-pipeline",
    evidence=Evidence(
        (Basis.RUN,), ("ci",), not_registrant=True, signed_by=("a",), signed=tuple(SignedThing)
    ),
    look_within="7d",
    deep_within="30d",
    proof=Proof.SEALED,
    match_packages=("*",),
    like_production=LikeProduction.REQUIRE,
)
LAX = EnvironmentPolicy(
    unstored_weights=Demand.WARN, pipeline_complete=Demand.WARN, waive={"approvals": ("*",)}
)


def signed(*keys):
    return {"evidence": Evidence(signed_by=keys)}


def test_what_a_file_leaves_out_is_not_demanded_any_more():
    assert loosened(STRICT, LAX) == (
        "require", "models", "promote_from", "approvals", "not_approvers", "backup",
        "evidence.accept", "evidence.validators", "evidence.not_registrant", "evidence.signed_by", "evidence.signed", "look_within",
        "deep_within", "unstored_weights", "pipeline_complete", "like_production", "proof", "match_packages", "waive",
    )  # fmt: skip
    assert loosened(LAX, STRICT) == ()
    assert loosened(STRICT, STRICT) == ()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"backup": "same-pipeline"}, {"backup": True}, ("backup",)),
        ({"backup": True}, {"backup": "same-pipeline"}, ()),
        ({"look_within": "7d"}, {"look_within": "2w"}, ("look_within",)),
        ({"look_within": "365d"}, {}, ()),
        ({}, {"look_within": "500d"}, ("look_within",)),
        ({"models": {"churn": ("auc > 0",)}}, {"require": ("auc > 0",)}, ()),
        ({"match_packages": ("numpy",)}, {"match_packages": ("*",)}, ()),
        ({"waive": {"approvals": ("*",)}}, {"waive": {"approvals": ("ann",)}}, ()),
        ({"evidence": Evidence(validators=("*",))}, {}, ()),
        ({"rollout": "1h"}, {}, ()),
        ({"like_production": LikeProduction.WARN}, {}, ("like_production",)),
        ({}, {"like_production": LikeProduction.WARN}, ()),
        (
            {"like_production": LikeProduction.REQUIRE},
            {"like_production": LikeProduction.WARN},
            ("like_production",),
        ),
        (signed("a"), signed("a", "b"), ("evidence.signed_by",)),
        (signed("a", "b"), signed("a"), ()),
        (signed("a"), {}, ("evidence.signed_by",)),
        ({}, signed("a"), ()),
    ],
)
def test_a_setting_is_looser_where_more_may_pass(before, after, expected):
    assert loosened(EnvironmentPolicy(**before), EnvironmentPolicy(**after)) == expected
