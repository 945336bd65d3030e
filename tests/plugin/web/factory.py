"""A shop with months of believable inquiries, for the screens' tests and for looking at them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import insert

from plugin.domain.reference import mint
from plugin.parts import Parts
from plugin.store import inquiries, projects, tables, visits
from plugin.store.connections import PlatformConnection
from plugin.store.database import new_id
from plugin.store.inquiries import Inquiry
from plugin.store.projects import Project, User
from plugin.web.auth import hash_password

PASSWORD = "correct horse battery"
SECRET = "EAAG-secret-token-never-shown"
SALES, SUPPORT = "79990000001", "79990000002"
NAMES = (
    *("Анна Кузнецова", "Дмитрий", "Мария Соколова", "Иван П.", "Ольга", "Алексей Морозов", "Елена В."),
    *("Тимур", "Светлана Громова", "Kirill", "Наталья", "Сергей Белов", "Aigerim", "Павел", "Юлия"),
)
# channel, source, medium, campaign, ad, keyword, parameters of the address, weight
SOURCES = (
    ("Paid Search", "yandex", "cpc", "sofas_msk_search", "ad-14", "купить диван осло", "yclid=113", 30),
    ("Paid Search", "google", "cpc", "brand", "rsa-2", "sofas shop", "gclid=Cj0K", 12),
    ("Paid Social", "vk", "cpc", "retarget_nov", "video-3", "", "", 14),
    ("Organic Search", "yandex", "organic", "", "", "", "", 16),
    ("Organic Social", "telegram", "social", "", "", "", "", 6),
    ("Referral", "design-blog.example", "referral", "", "", "", "", 5),
    ("Direct", "(direct)", "(none)", "", "", "", "", 10),
    ("", "", "", "", "", "", "", 9),
)
PAGES = (("/sofa-oslo", "Диван «Осло»"), ("/chairs", "Кресла"), ("/delivery", "Доставка"), ("/", "Sofas"))
TEXTS = (
    "Здравствуйте! Интересует диван «Осло», он есть в наличии?",
    "Добрый день, сколько стоит доставка до Мытищ?",
    "Здравствуйте! Хочу заказать кресло, какие есть цвета?",
    "Привет, а можно посмотреть вживую?",
    "",
)
AGENTS = (
    "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36",
)
HOWS = {
    "exact": (0.99, "The reference {reference} stands in the text exactly as the site wrote it."),
    "repaired": (
        0.95,
        "One symbol of the reference {reference} was mistyped; no other issued reference fits.",
    ),
    "none": (0.0, "The text holds no reference."),
}
REFUSED = {
    "class": "Rejected",
    "text": "{platform} did not accept the request ({status}). The log of this attempt shows its answer.",
    "params": {"platform": "Yandex Metrica", "status": 400},
}
BUSY = {"class": "Temporary", "text": "{platform} did not answer in time.", "params": {"platform": "GA4"}}


@dataclass(frozen=True, slots=True)
class Shop:
    project: Project
    users: dict[str, User]  # by role
    connections: dict[str, PlatformConnection]  # by platform
    inquiries: tuple[Inquiry, ...]


@cache
def password_hash() -> str:
    return hash_password(PASSWORD)


def make_user(parts: Parts, project: Project | None, role: str, *, now: datetime, language: str = "") -> User:
    """Make somebody who signs in as <role>@shop.example."""
    with parts.database.write() as connection:
        user = projects.add_user(
            connection,
            email=f"{role}@shop.example",
            password_hash=password_hash(),
            language=language,
            now=now,
        )
        if project is not None:
            projects.set_role(connection, project.project_id, user_id=user.user_id, role=role)
    return user


def make_project(parts: Parts, *, now: datetime, **overrides) -> Project:
    values = {
        "name": "Диваны и кресла",
        "origins": ["https://shop.example"],
        "time_zone": "Europe/Moscow",
        "language": "ru",
        "phrase": "Здравствуйте! Пишу с сайта.",
    }
    with parts.database.write() as connection:
        project = projects.add_project(connection, now=now, **{**values, **overrides})
        projects.add_number(connection, project.project_id, address=SALES, label="Продажи", now=now)
        found = projects.project(connection, project.project_id)
    assert found is not None
    return found


def make_connection(parts: Parts, project: Project, platform: str, *, now: datetime, **columns):
    """Connect a platform; `columns` are those of the table: paused_at, last_success_at, …"""
    kinds = {"whatsapp": ("messaging", "WhatsApp"), "metrica": ("analytics", "Метрика shop.example")}
    kind, label = kinds.get(platform, ("analytics", "GA4"))
    config = {
        "whatsapp": {"access_token": SECRET, "phone_number_id": "1090000000001"},
        "metrica": {"counter_id": "12345678", "token": SECRET},
        "ga4": {"measurement_id": "G-ABC123DEF4", "api_secret": SECRET},
    }[platform]
    added = parts.connections.add(
        project.project_id, platform=platform, kind=kind, label=label, config=config, now=now
    )
    if columns:
        parts.connections.change(project.project_id, added.connection_id, **columns)
    found = parts.connections.get(project.project_id, added.connection_id)
    assert found is not None
    return found


def make_person(connection, project: Project, *, name: str, phone: str, now: datetime, username: str = ""):
    person_id = new_id()
    connection.execute(
        insert(tables.persons).values(
            project_id=project.project_id,
            person_id=person_id,
            name=name,
            phone=phone,
            username=username,
            created_at=now,
        )
    )
    return person_id


def make_inquiry(parts: Parts, project: Project, *, at: datetime, name="Анна", phone="79161234567", **over):
    """Put one inquiry with its person into the journal; a test states only what matters to it."""
    with parts.database.write() as connection:
        person_id = over.pop("person_id", None) or make_person(
            connection, project, name=name, phone=phone, now=at
        )
        values = {
            "project_id": project.project_id,
            "inquiry_id": new_id(),
            "person_id": person_id,
            "network": "whatsapp",
            "number": SALES,
            "opened_at": at,
            "created_at": at,
            "last_message_at": at,
            "text": "Здравствуйте!",
            "because": {"text": HOWS["none"][1], "params": {}},
        }
        inquiry = Inquiry(**{**values, **over})
        inquiries.add_inquiry(connection, inquiry)
    return inquiry


def make_delivery(parts: Parts, inquiry: Inquiry, connection_id: str, *, at: datetime, **over) -> str:
    """Put one delivery into the outbox."""
    values = {
        "project_id": inquiry.project_id,
        "delivery_id": new_id(),
        "inquiry_id": inquiry.inquiry_id,
        "connection_id": connection_id,
        "event": "inquiry_opened",
        "state": "delivered",
        "created_at": at,
        "due_at": at,
        "finished_at": at,
        "attempts": 1,
    }
    row = {**values, **over}
    with parts.database.write() as connection:
        connection.execute(insert(tables.deliveries).values(row))
    return row["delivery_id"]


def make_attempt(parts: Parts, project: Project, delivery_id: str, *, at: datetime, **over) -> None:
    values = {
        "project_id": project.project_id,
        "attempt_id": new_id(),
        "delivery_id": delivery_id,
        "number": 1,
        "at": at,
        "seconds": 0.31,
        "outcome": "delivered",
        "error": {},
        "exchanges": [
            {
                "method": "POST",
                "url": "https://api-metrika.yandex.net/management/v1/counter/12345678/offline_conversions/upload",
                "request_body": "ClientId,Target,DateTime\n•••,wa_inquiry,1795425600",
                "status": 200,
                "response_body": '{"uploading": {"id": 77, "status": "UPLOADED"}}',
                "seconds": 0.31,
            }
        ],
    }
    with parts.database.write() as connection:
        connection.execute(insert(tables.attempts).values({**values, **over}))


def make_shop(parts: Parts, *, now: datetime, count: int = 240, days: int = 30, seed: int = 7) -> Shop:
    """Fill a database: a project, three users, connections in several states, and `count` inquiries."""
    rng = random.Random(seed)
    project = make_project(parts, now=now - timedelta(days=days + 1))
    with parts.database.write() as connection:
        projects.add_number(connection, project.project_id, address=SUPPORT, label="Сервис", now=now)
        projects.set_phrases(
            connection,
            project.project_id,
            [("/sofa-*", "Здравствуйте! Интересует диван."), ("/chairs", "Здравствуйте! Интересуют кресла.")],
        )
    users = {role: make_user(parts, project, role, now=now) for role in ("owner", "manager", "viewer")}
    connections = _connections(parts, project, now)
    found = [_inquiry(parts, project, rng, now=now, days=days) for _ in range(count)]
    for inquiry in found[-40:]:
        _deliveries(parts, inquiry, connections, rng)
    _drops(parts, project, now)
    with parts.database.read() as connection:
        whole = projects.project(connection, project.project_id)
    assert whole is not None
    return Shop(whole, users, connections, tuple(sorted(found, key=lambda inquiry: inquiry.opened_at)))


def _connections(parts: Parts, project: Project, now: datetime) -> dict[str, PlatformConnection]:
    paused = {
        "text": "{platform} refused the credentials ({status}). Check the token and its rights.",
        "params": {"platform": "Google Analytics 4", "status": 403},
    }
    return {
        "whatsapp": make_connection(
            parts, project, "whatsapp", now=now, last_webhook_at=now - timedelta(minutes=4)
        ),
        "metrica": make_connection(
            parts, project, "metrica", now=now, last_success_at=now - timedelta(minutes=6)
        ),
        "ga4": make_connection(
            parts,
            project,
            "ga4",
            now=now,
            paused_at=now - timedelta(hours=2),
            paused_because=paused,
            last_success_at=now - timedelta(hours=5),
        ),
    }


def _inquiry(parts: Parts, project: Project, rng: random.Random, *, now: datetime, days: int) -> Inquiry:
    at = now - timedelta(days=days * rng.random() ** 1.2, minutes=5)
    channel, source, medium, campaign, ad, keyword, marks, _w = rng.choices(
        SOURCES, [s[-1] for s in SOURCES]
    )[0]
    page, title = rng.choice(PAGES)
    how = rng.choices(("exact", "repaired"), (14, 1))[0] if source else "none"
    facts: dict[str, object] = {}
    visit_id, click_id, reference = new_id(), new_id(), mint()
    landing = f"https://shop.example{page}?utm_source={source}&utm_campaign={campaign}&{marks}"
    if source:
        facts = _facts(at, landing, rng, page=page, title=title)
        facts["source"] = {
            "channel": channel,
            "source": source,
            "medium": medium,
            "campaign": campaign,
            "ad": ad,
            "keyword": keyword,
            "utm": {"utm_source": source, "utm_campaign": campaign} if campaign else {},
            "click_ids": dict([marks.split("=")]) if marks else {},
            "landing_url": landing,
            "referrer": "https://yandex.ru/" if source == "yandex" else "",
            "because": "The address carries UTM marks.",
        }
    _press(parts, project, at=at, ids=(visit_id, click_id, reference), extra=rng.random() < 0.45)
    confidence, because = HOWS[how]
    return make_inquiry(
        parts,
        project,
        at=at,
        name=rng.choice(NAMES),
        phone=f"7916{rng.randrange(10**7):07d}",
        text=rng.choice(TEXTS),
        is_repeat=rng.random() < 0.22,
        visit_id=visit_id if source else "",
        click_id=click_id if source else "",
        reference=reference if source else "",
        how=how,
        confidence=confidence,
        because={"text": because, "params": {"reference": f"{reference[:4]}-{reference[4:]}"}},
        channel=channel,
        source=source,
        medium=medium,
        campaign=campaign,
        ad=ad,
        keyword=keyword,
        page_url=f"https://shop.example{page}" if source else "",
        phrase="Здравствуйте! Пишу с сайта." if source else "",
        tags=("диваны",) if "sofa" in page and source else (),
        facts=facts,
    )


def _facts(at: datetime, landing: str, rng: random.Random, *, page: str, title: str) -> dict[str, object]:
    started = at - timedelta(minutes=rng.randrange(2, 30))
    return {
        "first_source": {
            "channel": "Organic Search",
            "source": "yandex",
            "medium": "organic",
            "because": "The referrer is a search engine.",
        },
        "visit": {
            "visit_id": "v",
            "visitor_id": "w",
            "started_at": started.isoformat(),
            "landing_url": landing,
            "referrer": "https://yandex.ru/",
            "before": rng.randrange(4),
            "first_at": (started - timedelta(days=6)).isoformat(),
            "last_at": started.isoformat(),
            "screen": rng.choice(("412x915", "390x844", "1920x1080")),
            "lang": "ru-RU",
            "zone": "Europe/Moscow",
            "user_agent": rng.choice(AGENTS),
            "ids": {"ga_client_id": "1171254987.1795425600", "ym_client_id": "1795425600123456789"},
            "consent": {},
        },
        "click": {
            "page_url": f"https://shop.example{page}",
            "page_title": title,
            "phrase": "Здравствуйте! Пишу с сайта.",
            "clicked_at": (at - timedelta(minutes=1)).isoformat(),
        },
    }


def _press(parts: Parts, project: Project, *, at: datetime, ids: tuple[str, str, str], extra: bool) -> None:
    visit_id, click_id, reference = ids
    values = {
        "project_id": project.project_id,
        "network": "whatsapp",
        "number": SALES,
        "clicked_at": at - timedelta(minutes=1),
        "received_at": at - timedelta(minutes=1),
    }
    pressed = [{**values, "click_id": click_id, "visit_id": visit_id, "reference": reference}]
    if extra:  # somebody pressed and never wrote
        pressed.append({**values, "click_id": new_id(), "visit_id": new_id(), "reference": mint()})
    with parts.database.write() as connection:
        connection.execute(insert(tables.clicks), pressed)


def make_visit_row(parts: Parts, project: Project, *, at: datetime) -> None:
    """Let the snippet be seen."""
    with parts.database.write() as connection:
        connection.execute(
            insert(tables.visits).values(
                project_id=project.project_id,
                visit_id=new_id(),
                visitor_id=new_id(),
                started_at=at,
                received_at=at,
                facts={},
            )
        )


def _deliveries(
    parts: Parts, inquiry: Inquiry, connections: dict[str, PlatformConnection], rng: random.Random
) -> None:
    at = inquiry.opened_at + timedelta(seconds=3)
    project_id = inquiry.project_id
    state = rng.choices(("delivered", "rejected", "accepted"), (8, 1, 2))[0]
    error = REFUSED if state == "rejected" else {}
    sent = make_delivery(
        parts,
        inquiry,
        connections["metrica"].connection_id,
        at=at,
        state=state,
        error=error,
        finished_at=None if state == "accepted" else at,
    )
    held = rng.choices(("pending", "delivered", "skipped", "dead"), (3, 5, 1, 1))[0]
    make_delivery(
        parts,
        inquiry,
        connections["ga4"].connection_id,
        at=at,
        state=held,
        attempts=3 if held in ("pending", "dead") else 1,
        error=BUSY if held in ("pending", "dead") else {},
        finished_at=None if held == "pending" else at,
        link="https://analytics.google.com/" if held == "delivered" else "",
    )
    with parts.database.read() as connection:
        project = projects.project(connection, project_id)
    assert project is not None
    outcome = {"delivered": "delivered", "rejected": "rejected", "accepted": "accepted"}[state]
    make_attempt(parts, project, sent, at=at, outcome=outcome, error=error)


def _drops(parts: Parts, project: Project, now: datetime) -> None:
    today = now.date().isoformat()
    with parts.database.write() as connection:
        for reason, count, example in (
            ("bot", 118, ""),
            ("wrong_origin", 7, "https://staging.shop.example"),
            ("unknown_number", 2, ""),
        ):
            visits.count_drop(
                connection, project.project_id, day=today, reason=reason, example=example, count=count
            )
    make_visit_row(parts, project, at=now - timedelta(minutes=1))
