"""The demo: service and stand-ins on one port, one inquiry driven through the whole journey and told.

Nothing is faked inside Whence: it runs as in an installation, its platforms are the strict stand-ins.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from plugin.domain import reference
from plugin.parts import Parts, make_parts
from plugin.settings import PREFIX, Settings, load_settings, new_secret
from plugin.store import inquiries, projects
from plugin.store.database import utc_now
from plugin.web.auth import hash_password
from plugin.web.snippet import tag_html
from sandbox import create_sandbox
from sandbox.shelf import Shelf

EMAIL, PASSWORD = "demo@whence.example", "whence-demo"
SALES, SUPPORT = "79990000001", "79990000002"
PATIENCE_SECONDS = 60
SHELF_VARIABLE = "SANDBOX_SHELF"  # the stand-ins' file, told to the processes that are started
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0"
LANDING = (
    "{base}/sandbox/shop/?utm_source=yandex&utm_medium=cpc&utm_campaign=sofas_msk"
    "&utm_content=ad-17&utm_term=%D0%BA%D1%83%D0%BF%D0%B8%D1%82%D1%8C+%D0%B4%D0%B8%D0%B2%D0%B0%D0%BD"
    "&yclid=1234567890123456789"
)


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is set up: where it is and what it needs to be driven."""

    base: str
    project_id: str
    public_key: str
    shelf: Shelf
    parts: Parts


def run_demo(*, port: int, folder: Path, once: bool) -> None:
    """Set up, serve, drive the journey and tell it; keep serving unless `once`."""
    from plugin import serving
    from plugin.logs import configure_logs

    _refuse_taken_port(port)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = demo_environment(folder, port=port)
    configure_logs(settings)
    demo = set_up_demo(settings, folder)
    failed = threading.Event()

    def drive() -> None:
        try:
            tell_journey(demo, Console(soft_wrap=True))
        except Exception as error:  # noqa: BLE001, told to whoever looks, and in the exit status
            Console(stderr=True).print(f"[red]The journey stopped: {error}")
            failed.set()
        if once:
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=drive, daemon=True).start()
    serving.serve(settings, app="sandbox.demo:make_app")
    if failed.is_set():
        sys.exit(1)


def demo_environment(folder: Path, *, port: int, **more: str) -> Settings:
    """Put the demo's settings into the environment, for this process and those it starts."""
    base = f"http://127.0.0.1:{port}"
    values = {
        "DATABASE_URL": f"sqlite:///{folder.resolve()}/whence.db",
        "SECRET_KEY": new_secret(),
        "ENCRYPTION_KEYS": new_secret(),
        "PUBLIC_URL": base,
        "PORT": str(port),
        "SANDBOX_URL": f"{base}/sandbox",
        "LOG_LEVEL": "warning",
        "DEBUG": "1",
        "SETTINGS": str(folder.resolve() / "none.env"),
        **more,
    }
    os.environ.update({PREFIX + name: value for name, value in values.items()})
    os.environ[SHELF_VARIABLE] = f"{folder.resolve()}/sandbox.db"
    return load_settings({name: value for name, value in os.environ.items() if name != SHELF_VARIABLE})


def make_app() -> Any:
    """Make the WSGI application: Whence, and the stand-ins under /sandbox."""
    from plugin.serving import make_app as make_whence

    shelf = os.environ[SHELF_VARIABLE]
    whence = make_whence()
    sandbox = create_sandbox(shelf_path=shelf, whence_url=os.environ[PREFIX + "PUBLIC_URL"])
    return DispatcherMiddleware(whence, {"/sandbox": sandbox})


def set_up_demo(settings: Settings, folder: Path) -> Demo:
    """Make the demo's project and owner, connect every platform and tell the stand-ins of it."""
    parts = make_parts(settings)
    parts.database.migrate()
    project = _project(parts, settings.public_url)
    shelf = Shelf(folder / "sandbox.db")
    _connect(parts, project.project_id, shelf)
    from sandbox import shop

    shop.configure(shelf, tag=tag_html(parts, project), sales_number=SALES, support_number=SUPPORT)
    return Demo(settings.public_url, project.project_id, project.public_key, shelf, parts)


def _project(parts: Parts, base: str) -> projects.Project:
    now = utc_now()
    with parts.database.write() as connection:
        user = projects.add_user(
            connection,
            email=EMAIL,
            password_hash=hash_password(PASSWORD),
            name="Демо",
            language="ru",
            now=now,
        )
        project = projects.add_project(
            connection,
            name="Диваны и кресла",
            origins=[base, base.replace("127.0.0.1", "localhost")],
            currency="RUB",
            time_zone="Europe/Moscow",
            language="ru",
            phrase="Здравствуйте! Пишу с сайта, подскажите, пожалуйста.",
            tag_rules=[
                {"tag": "доставка", "field": "text", "op": "contains", "value": "достав"},
                {"tag": "диваны", "field": "page", "op": "contains", "value": "sofa"},
            ],
            now=now,
        )
        key = project.project_id
        projects.add_number(connection, key, address=SALES, label="Отдел продаж", now=now)
        projects.set_role(connection, key, user_id=user.user_id, role="owner")
        found = projects.project(connection, key)
    if found is None:
        raise RuntimeError("the demo's project is not there")
    return found


def _connect(parts: Parts, project_id: str, shelf: Shelf) -> None:
    from sandbox import amocrm, ga4, metrica, whatsapp

    token, secret, verify = (secrets.token_hex(16) for _ in range(3))
    amocrm.configure(shelf, "demo", token=token)
    ga4.configure(shelf, measurement_id="G-DEMO123456", api_secret=secret)
    metrica.configure(shelf, counter_id="98765432", token=token, goals=["wa_inquiry"], step_seconds=1)
    ids = {"phone_number_id": "1090000000001", "waba_id": "2090000000001"}
    configs: Mapping[str, tuple[str, dict[str, str]]] = {
        "whatsapp": (
            "messaging",
            {"app_secret": secret, "verify_token": verify, "access_token": token, **ids},
        ),
        "amocrm": ("crm", {"address": "demo.amocrm.ru", "token": token}),
        "ga4": ("analytics", {"measurement_id": "G-DEMO123456", "api_secret": secret}),
        "metrica": ("analytics", {"counter_id": "98765432", "token": token}),
    }
    for platform, (kind, config) in configs.items():
        made = parts.connections.add(
            project_id, platform=platform, kind=kind, label="", config=config, now=utc_now()
        )
        if platform == "whatsapp":
            whatsapp.configure(
                shelf,
                callback_url=f"{parts.settings.public_url}/hooks/whatsapp/{made.hook_key}",
                app_secret=secret,
                verify_token=verify,
                display_phone_number="+7 999 000-00-01",
                access_token=token,
                **ids,
            )


# --- the journey ----------------------------------------------------------------------------------


def tell_journey(demo: Demo, console: Console) -> None:
    """Drive one inquiry from the ad to the deal card, and tell each step as it happens."""
    from sandbox import amocrm, ga4, metrica, whatsapp

    _until(lambda: requests.get(f"{demo.base}/healthz", timeout=2).ok, "the service to start")
    console.rule("[bold]One inquiry, from the ad to the deal card")
    visit = _visit(demo)
    _beacon(demo, visit)
    console.print("[b]1 Visit[/b]      an ad of Yandex Direct opens the shop; the snippet tells Whence once:")
    console.print(f"             {visit['landing'].split('?')[1][:90]}…", style="dim")
    click = _click(demo, visit)
    _beacon(demo, click)
    text = f"{reference.printed(click['ref'])} {click['phrase']}"
    console.print("[b]2 Press[/b]      the WhatsApp button opens the chat with this text:")
    console.print(f"             {text}", style="green")
    sent = (
        f"{reference.printed(click['ref']).lower()} Здравствуйте! Диван «Осло» в сером есть? Доставка когда?"
    )
    whatsapp.send_text(demo.shelf, from_phone="79161234567", name="Анна Смирнова", text=sent)
    console.print(
        "[b]3 Message[/b]    the customer edits it, and sends; the messenger's signed webhook arrives:"
    )
    console.print(f"             {sent}", style="green")
    inquiry = _until(lambda: _inquiry(demo), "the inquiry")
    console.print(
        f"[b]4 Match[/b]      how: {inquiry.how}, confidence {inquiry.confidence:.2f}: "
        + str(inquiry.because["text"]).format(**inquiry.because["params"])
    )
    console.print(
        f"             {inquiry.channel} · {inquiry.source} · {inquiry.campaign} · {inquiry.keyword}"
    )
    for title, received in (
        ("5 amoCRM", lambda: amocrm.received(demo.shelf)),
        ("6 GA4", lambda: _event_lines(ga4.received(demo.shelf))),
        ("7 Metrica", lambda: _upload_lines(metrica.received(demo.shelf))),
    ):
        console.print(f"[b]{title}[/b] received:")
        for line in _until(received, title):
            console.print(f"             {line}", style="cyan", highlight=False)
    _tell_where(demo, console, inquiry.inquiry_id)


def _event_lines(events: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        line
        for event in events
        for line in (
            f"{event['name']}  client {event['client_id']}  session {event['session_id']}  {event['state']}",
            *(f"{name}: {value}" for name, value in event["params"].items() if name.startswith("inquiry_")),
        )
    ]


def _upload_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{row['kind']}  goal {row['goal']}  {row['id']}  at {row['happened_at']}  "
        + ("joined to its visit" if row["is_linked"] else "not joined to a visit")
        for row in rows
    ]


def _tell_where(demo: Demo, console: Console, inquiry_id: str) -> None:
    console.rule("[bold]Now by hand")
    for name, path in (
        ("Shop: press a WhatsApp button, edit, send", "/sandbox/shop/"),
        ("Journal", f"/p/{demo.project_id}/"),
        ("This inquiry's card", f"/p/{demo.project_id}/inquiries/{inquiry_id}"),
        ("Deal card in the CRM", "/sandbox/amocrm/demo/"),
        ("All stand-ins, with fault switches", "/sandbox/"),
    ):
        console.print(f"{name:<44} {demo.base}{path}", highlight=False)
    console.print(f"Sign in as [b]{EMAIL}[/b] with the password [b]{PASSWORD}[/b]. Stop with Ctrl+C.")


def _visit(demo: Demo) -> dict[str, Any]:
    now = int(time.time() * 1000)
    landing = LANDING.format(base=demo.base)
    return {
        "v": 1,
        "type": "visit",
        "key": demo.public_key,
        "visit": secrets.token_hex(16),
        "visitor": secrets.token_hex(16),
        "started": now,
        "landing": landing,
        "referrer": "https://yandex.ru/",
        "first": [now, landing, "https://yandex.ru/"],
        "last": [now, landing, "https://yandex.ru/"],
        "clicks": {"yclid": "1234567890123456789"},
        "ids": {
            "ga_client_id": f"1162820436.{now // 1000}",
            "ga_session_id": str(now // 1000),
            "ym_client_id": f"{now // 1000}123456789",
        },
        "screen": "1920x1080",
        "lang": "ru-RU",
        "zone": "Europe/Moscow",
    }


def _click(demo: Demo, visit: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **visit,
        "type": "click",
        "click": secrets.token_hex(16),
        "pressed": int(time.time() * 1000),
        "net": "whatsapp",
        "number": SALES,
        "ref": reference.mint(),
        "page": f"{demo.base}/sandbox/shop/",
        "title": "Диван «Осло»",
        "phrase": "Здравствуйте! Пишу с сайта, подскажите, пожалуйста.",
    }


def _beacon(demo: Demo, payload: Mapping[str, Any]) -> None:
    headers = {"User-Agent": AGENT, "Origin": demo.base}
    answer = requests.post(f"{demo.base}/collect", json=dict(payload), headers=headers, timeout=5)
    if answer.status_code != 204 or "X-Whence-Dropped" in answer.headers:
        raise RuntimeError(f"the beacon was not taken: {answer.headers.get('X-Whence-Dropped')}")


def _inquiry(demo: Demo) -> Any:
    with demo.parts.database.read() as connection:
        return inquiries.latest(connection, demo.project_id)


def _until(ask: Callable[[], Any], what: str) -> Any:
    patience = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < patience:
        try:
            if found := ask():
                return found
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"waited in vain for {what}")


def _refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(f"Port {port} is taken. Choose another: ./whence demo --port 8010")
