"""What Metrica answers, in our words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.analytics.metrica.declaration import LABEL
from adapters.base import N_, AdapterError, Finding, Misconfigured, Receipt, ReceiptState, Temporary
from adapters.http import status_error

FINAL_STATUSES = frozenset({"PROCESSED", "LINKAGE_FAILURE"})

NO_GOAL = N_(
    "Metrica has no goal with the identifier {target}. "
    "Create one there: Goals → JavaScript event, condition “matches”, this identifier."
)
NO_VISIT = N_(
    "Metrica found no visit for this inquiry: "
    "its counter did not see the visitor, or saw them more than 21 days ago."
)


class Unknown(Misconfigured):
    """The counter or the upload does not exist."""


# error_type of the platform → who acts next, and the sentence
ERRORS: Mapping[str, tuple[type[AdapterError], str]] = {
    "invalid_token": (
        Misconfigured,
        N_("The Metrica token is no longer valid. Issue a new one and enter it in the settings."),
    ),
    "unauthorized": (Misconfigured, N_("Metrica could not read the token. Enter it again, without spaces.")),
    "access_denied": (
        Misconfigured,
        N_(
            "The account of the Metrica token may not upload data to counter {counter}. "
            "Let it edit the counter, and give the token the rights metrika:read and metrika:offline_data."
        ),
    ),
    "counter_in_connect": (
        Misconfigured,
        N_("Counter {counter} belongs to an organisation. Use a token of an account in that organisation."),
    ),
    "not_found": (Unknown, N_("Metrica knows no counter {counter}. Check its number.")),
    "conflict": (Temporary, N_("Metrica is busy with this counter. Whence tries again by itself.")),
    "limit_exceeded": (Temporary, N_("A limit of Metrica is used up. Whence tries again by itself.")),
}
EXPLAINED_STATUSES = (400, 401, 403, 404, 406, 409)


def explained(status: int, answer: Any, *, counter: str) -> Exception:
    """Turn an error answer into the error that says who acts next."""
    errors = answer.get("errors") if isinstance(answer, dict) else None
    kinds = [str(one.get("error_type")) for one in errors or [] if isinstance(one, dict)]
    known = next((ERRORS[kind] for kind in kinds if kind in ERRORS), None)
    if known is None:
        return status_error(status, LABEL)
    make, text = known
    return make(text, counter=counter)


def counter_finding(counter: Mapping[str, Any]) -> Finding:
    """Say whether the token may upload to the counter."""
    name = str(counter.get("name") or counter.get("site") or "")
    if counter.get("permission") == "view":
        return Finding(
            False,
            N_("The token may only look at counter “{name}”. Uploads need the right to edit."),
            {"name": name},
        )
    return Finding(True, N_("Counter “{name}” is there and the token opens it."), {"name": name})


def goal_finding(goals: Sequence[Mapping[str, Any]], target: str) -> Finding:
    """Say whether the goal can take offline conversions."""
    conditions = [one for goal in goals for one in goal.get("conditions") or [] if one.get("url") == target]
    if any(one.get("type") == "exact" for one in conditions):
        return Finding(True, N_("The goal {target} is there."), {"target": target})
    if conditions:
        return Finding(
            False,
            N_("The goal {target} needs the condition “matches”; uploads do not reach others."),
            {"target": target},
        )
    return Finding(False, NO_GOAL, {"target": target})


def processed(receipt: Receipt, look: Mapping[str, Any]) -> Receipt:
    """Say what Metrica made of the upload in which the inquiry was."""
    linked, rows = look.get("linked_quantity"), look.get("source_quantity", look.get("line_quantity"))
    done = replace(receipt, state=ReceiptState.DELIVERED, check_after=None, params={})
    if look.get("status") == "LINKAGE_FAILURE" or receipt.details["has_visit"] == "no":
        return replace(done, note=N_("Metrica loaded the chat without a visit."))
    if linked is None or rows is None:
        return replace(done, note=N_("Metrica has processed the upload."))
    note = N_("Metrica joined {linked} of {rows} rows of this upload to visits.")
    return replace(done, note=note, params={"linked": int(linked), "rows": int(rows)})
