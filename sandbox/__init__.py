"""Stand-ins of the platforms, strict where the platforms are, and a demo shop with a messenger.

Each module makes one blueprint, mounted under its platform's slug. What a stand-in received can be looked
at on its pages; `faults.py` makes it fail. Nothing here is imported by the product.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from flask import Flask, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from sandbox import faults
from sandbox.shelf import Shelf

# module → (slug, name shown); the mount point is /<slug>
STAND_INS = {
    "shop": "Demo shop",
    "messenger": "Messenger",
    "amocrm": "amoCRM",
    "ga4": "Google Analytics 4",
    "metrica": "Яндекс Метрика",
    "whatsapp": "WhatsApp Cloud API",
}


def create_sandbox(*, shelf_path: Path | str, whence_url: str = "") -> Flask:
    """Make the sandbox application.

    `whence_url` is where Whence serves its pages, seen from the same browser, e.g. "http://127.0.0.1:8000".
    """
    app = Flask(__name__)
    app.config["WHENCE_URL"] = whence_url
    shelf = Shelf(shelf_path)
    app.extensions["shelf"] = shelf
    for module in STAND_INS:
        blueprint = import_module(f"sandbox.{module}").blueprint(shelf)
        app.register_blueprint(blueprint, url_prefix=f"/{module}")

    @app.context_processor
    def shared() -> dict[str, object]:
        return {"stand_ins": STAND_INS, "whence_url": whence_url, "all_faults": faults.FAULTS}

    @app.get("/")
    def home() -> str:
        switched = {slug: shelf.get("faults", slug) for slug in STAND_INS}
        return render_template("home.html", switched=switched)

    @app.post("/faults/<platform>")
    def switch_fault(platform: str) -> Response:
        calls = request.form.get("calls", type=int) or faults.ALWAYS
        faults.switch(shelf, platform, request.form.get("fault", ""), calls=calls)
        return redirect(url_for("home"))

    return app
