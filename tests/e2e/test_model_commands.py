"""`lineage model`: as a person describes, renames, archives and deletes."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ..support.signing import KEY


def test_a_model_is_described_renamed_archived_and_an_experiment_deleted(project):
    project.ok("init")
    project.ok("register", "churn")
    done = project.lineage(
        "model", "edit", "churn@1", "--tag", "team=risk", "--description", "first\x1b[2J"
    )
    assert (done.code, done.out) == (
        0,
        "churn@1 edited\n  about     first\\x1b[2J\n  tag       team=risk\n",
    )
    assert "tag       team=risk" in project.lineage("show", "churn@1").out
    nothing = project.lineage("model", "edit", "churn@1")
    assert (nothing.code, "Nothing is to be changed" in nothing.err) == (2, True)
    twice = project.lineage("model", "edit", "churn", "--tag", "a=1", "--untag", "a")
    assert (twice.code, "both set and taken away" in twice.err) == (2, True)

    renamed = project.lineage("model", "rename", "churn", "attrition")
    assert (renamed.code, renamed.out) == (0, "churn is called attrition now\n")
    assert '[models.attrition.pipeline] name = "churn"' in renamed.err
    for name in ("churn", "attrition"):  # lineage.toml describes [models.churn]
        again = project.lineage("register", name)
        assert (again.code, "attrition@1 already registered" in again.out) == (0, True), again
        assert "churn" in again.err
        assert "attrition now" in again.err
        assert project.lineage("validate", f"{name}@1").code == 0
    shown = project.lineage("model", "show", "churn")
    assert "formerly  churn" in shown.out
    assert "model-renamed" in project.lineage("log", "churn").out

    tried = project.ok("register", "churn", "--kind", "experiment")["ref"]
    gone = project.lineage("model", "delete", tried, "--reason", "a try")
    assert gone.out.startswith(f"{tried} deleted; its tuple was xxh3:")
    after = project.lineage("show", tried)
    assert (after.code, f"{tried} was deleted by" in after.err) == (4, True)
    kept = project.lineage("model", "delete", "attrition@1")
    assert (kept.code, "for production" in kept.err) == (5, True)

    assert project.lineage("model", "archive", "attrition").out == "attrition archived\n"
    refused = project.lineage("register", "churn", "--kind", "experiment")
    assert (refused.code, "attrition is archived" in refused.err) == (5, True)
    assert "lineage model archive attrition --restore" in refused.err
    back = project.lineage("model", "archive", "attrition", "--restore")
    assert back.out == "attrition taken up again\n"
    assert project.ok("audit", "verify")["valid"] is True


def test_a_signed_statement_that_cannot_be_written_is_not_recorded(project):
    project.ok("register", "churn")
    pem = KEY.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    sign = ("attest", "sign", "churn@1", "--hash", "blake3", "--record", "-o")
    project.env["LINEAGE_SIGNING_KEY"] = pem.decode()
    done = project.lineage(*sign, "models")
    assert (done.code, "models cannot be written" in done.err) == (2, True), done
    assert project.ok("attest", "list", "churn@1") == []
    assert project.ok("attest", "list", "churn@1", "--limit", "1") == {"items": [], "next": None}
