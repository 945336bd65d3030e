"""Who is at the screen: signing in and out, and the language the person reads."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from werkzeug.wrappers import Response as AnyResponse

from plugin.store import projects
from plugin.store.database import utc_now
from plugin.store.projects import User
from plugin.web.forms import LoginForm
from plugin.web.i18n import LANGUAGE_COOKIE, LANGUAGES
from plugin.web.pages import parts

LOGIN_LIMIT = "10/minute"
YEAR_SECONDS = 31_536_000

blueprint = Blueprint("auth", __name__)
_hasher = PasswordHasher()  # argon2id


def hash_password(password: str) -> str:
    """Give the argon2id hash that is kept instead of the password."""
    return _hasher.hash(password)


# Verified for addresses nobody signs in with, so that the time of the answer does not tell who does.
_NOBODY = hash_password("nobody has this password")


def password_fits(user: User | None, password: str) -> bool:
    """Tell whether this is the user's password; takes as long for a user who does not exist."""
    try:
        return _hasher.verify(user.password_hash if user else _NOBODY, password) and user is not None
    except (Argon2Error, InvalidHashError):
        return False


class SignedIn(UserMixin):
    """The user of the session. The session ends when the password changes."""

    def __init__(self, user: User) -> None:
        self.user = user

    def get_id(self) -> str:
        return f"{self.user.user_id}.{_stamp(self.user)}"


def _stamp(user: User) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]


def register(app: Flask) -> None:
    """Add sessions of users and the limits of signing in."""
    manager = LoginManager(app)
    manager.user_loader(_load)
    manager.unauthorized_handler(_ask_to_sign_in)
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://")
    view = app.view_functions["auth.login"]
    for key in (get_remote_address, _account):
        view = limiter.limit(LOGIN_LIMIT, key_func=key, methods=["POST"])(view)
    app.view_functions["auth.login"] = view


def _account() -> str:
    email = request.form.get("email", "").strip().lower()
    return "account:" + hashlib.sha256(email.encode()).hexdigest()


def _load(session_id: str) -> SignedIn | None:
    user_id, _dot, stamp = session_id.partition(".")
    with parts().database.read() as connection:
        user = projects.user(connection, user_id)
    return SignedIn(user) if user and _stamp(user) == stamp else None


def _ask_to_sign_in() -> AnyResponse:
    target = url_for("auth.login", next=request.full_path.rstrip("?") if request.method == "GET" else None)
    if "HX-Request" in request.headers:
        # a fragment cannot show the form: the whole page must go there
        return Response(status=401, headers={"HX-Redirect": url_for("auth.login")})
    return redirect(target)


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> AnyResponse | str | tuple[str, int]:
    """Sign a person in."""
    if current_user.is_authenticated:
        return redirect(_next())
    form = LoginForm()
    if not form.validate_on_submit():
        return render_template("login.html", form=form)
    with parts().database.read() as connection:
        user = projects.user_by_email(connection, form.email.data)
    if user is None or not password_fits(user, form.password.data):
        flash(_("This e-mail and password do not fit together."), "danger")
        return render_template("login.html", form=form), 401
    session.clear()
    login_user(SignedIn(user), remember=False)
    session.permanent = form.remember.data
    with parts().database.write() as connection:
        projects.change_user(connection, user.user_id, last_seen_at=utc_now())
    return redirect(_next())


@blueprint.post("/logout")
@login_required
def logout() -> AnyResponse:
    """Sign the person out."""
    logout_user()
    session.clear()
    return redirect(url_for("auth.login"))


@blueprint.get("/language/<code>")
def language(code: str) -> AnyResponse:
    """Keep the language the person chose, and go back."""
    if code not in LANGUAGES:
        abort(404)
    if current_user.is_authenticated:
        with parts().database.write() as connection:
            projects.change_user(connection, current_user.user.user_id, language=code)
    came_from = urlsplit(request.referrer or "")
    is_ours = came_from.netloc == request.host
    response = redirect(_local(came_from.path) if is_ours else url_for("journal.home"))
    response.set_cookie(
        LANGUAGE_COOKIE,
        code,
        max_age=YEAR_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=parts().settings.is_https,
    )
    return response


def _next() -> str:
    return _local(request.args.get("next", ""))


def _local(path: str) -> str:
    """Give the path when it stays on this site: no other host may be smuggled in."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and "\\" not in path
    return path if is_local else url_for("journal.home")
