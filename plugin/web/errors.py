"""What people see when something does not work, and what programs get."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from adapters.base import N_

# status → (word for programs, title, what to do)
WORDS = {
    400: ("bad_request", N_("This request could not be read"), N_("Go back and try again.")),
    403: (
        "forbidden",
        N_("This is not yours to change"),
        N_("Your role in this project does not allow it. Ask the project's owner."),
    ),
    404: (
        "not_found",
        N_("There is nothing here"),
        N_("The address is wrong, or what stood here was removed, or you are not a member of the project."),
    ),
    405: ("not_allowed", N_("This address is used in another way"), N_("Go back and try again.")),
    413: ("too_large", N_("That is too much at once"), N_("Send less text and try again.")),
    429: ("too_many", N_("Too many tries"), N_("Wait a minute, then try again.")),
    500: (
        "internal",
        N_("Whence failed on this page"),
        N_("The service's log has the details. Inquiries keep coming in meanwhile."),
    ),
}
CSRF_WORDS = (
    "csrf",
    N_("This form is out of date"),
    N_("You may have signed out in another window. Reload the page and try again."),
)


def register(app: Flask) -> None:
    """Answer every failure in plain words."""
    app.register_error_handler(CSRFError, lambda _error: _answer(400, CSRF_WORDS))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _bug)


def _http(error: HTTPException) -> Any:
    status = error.code or 500
    if status < 400:
        return error
    return _answer(status, WORDS.get(status, WORDS[500 if status >= 500 else 400]))


def _bug(_error: Exception) -> Response:
    from flask import current_app

    current_app.logger.exception("page failed: %s", request.endpoint)
    return _answer(500, WORDS[500])


def _answer(status: int, known: tuple[str, str, str]) -> Response:
    name, title, advice = known
    if _wants_json():
        response = jsonify(error=name, message=f"{_(title)}. {_(advice)}", status=status)
    else:
        page = render_template("error.html", status=status, title=_(title), advice=_(advice))
        response = make_response(page)
    response.status_code = status
    return response


def _wants_json() -> bool:
    best = request.accept_mimetypes.best_match(("text/html", "application/json"), "text/html")
    return request.path.startswith("/api/") or best == "application/json"
