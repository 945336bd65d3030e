"""First tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "attempts",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("attempt_id", sa.String(length=64), nullable=False),
        sa.Column("delivery_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("error", Json, nullable=False),
        sa.Column("exchanges", Json, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "attempt_id", name="pk_attempts"),
    )
    op.create_index("ix_attempts_at", "attempts", ["at"], unique=False)
    op.create_index("ix_attempts_delivery", "attempts", ["project_id", "delivery_id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("audit_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "audit_id", name="pk_audit"),
    )
    op.create_table(
        "clicks",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("click_id", sa.String(length=64), nullable=False),
        sa.Column("visit_id", sa.String(length=64), nullable=False),
        sa.Column("network", sa.String(length=16), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("clicked_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("page_url", sa.Text(), server_default="", nullable=False),
        sa.Column("page_title", sa.Text(), server_default="", nullable=False),
        sa.Column("phrase", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("project_id", "click_id", name="pk_clicks"),
    )
    op.create_index("ix_clicks_clicked", "clicks", ["project_id", "clicked_at"], unique=False)
    op.create_index("ix_clicks_reference", "clicks", ["project_id", "reference"], unique=False)
    op.create_table(
        "connections",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("connection_id", sa.String(length=64), nullable=False),
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("config", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=True),
        sa.Column("hook_key", sa.String(length=64), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("paused_because", Json, nullable=False),
        sa.Column("paused_at", sa.BigInteger(), nullable=True),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_success_at", sa.BigInteger(), nullable=True),
        sa.Column("last_failure_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", Json, nullable=False),
        sa.Column("last_webhook_at", sa.BigInteger(), nullable=True),
        sa.Column("lock_until", sa.BigInteger(), nullable=True),
        sa.Column("lock_owner", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "connection_id", name="pk_connections"),
        sa.UniqueConstraint("hook_key", name="uq_connections_hook_key"),
    )
    op.create_table(
        "deliveries",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("delivery_id", sa.String(length=64), nullable=False),
        sa.Column("inquiry_id", sa.String(length=64), nullable=False),
        sa.Column("connection_id", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("lease_owner", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("remote_id", sa.Text(), server_default="", nullable=False),
        sa.Column("link", sa.Text(), server_default="", nullable=False),
        sa.Column("receipt", Json, nullable=False),
        sa.Column("error", Json, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "delivery_id", name="pk_deliveries"),
    )
    op.create_index(
        "ix_deliveries_connection", "deliveries", ["project_id", "connection_id", "state"], unique=False
    )
    op.create_index("ix_deliveries_due", "deliveries", ["state", "due_at"], unique=False)
    op.create_index(
        "uq_deliveries_event",
        "deliveries",
        ["project_id", "inquiry_id", "connection_id", "event"],
        unique=True,
    )
    op.create_table(
        "drops",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("example", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("project_id", "day", "reason", name="pk_drops"),
    )
    op.create_table(
        "handles",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=255), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "kind", "value", name="pk_handles"),
    )
    op.create_index("ix_handles_person", "handles", ["project_id", "person_id"], unique=False)
    op.create_table(
        "inquiries",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("inquiry_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("network", sa.String(length=16), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_message_at", sa.BigInteger(), nullable=False),
        sa.Column("is_repeat", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("visit_id", sa.Text(), server_default="", nullable=False),
        sa.Column("click_id", sa.Text(), server_default="", nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("because", Json, nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("medium", sa.Text(), server_default="", nullable=False),
        sa.Column("campaign", sa.Text(), server_default="", nullable=False),
        sa.Column("ad", sa.Text(), server_default="", nullable=False),
        sa.Column("keyword", sa.Text(), server_default="", nullable=False),
        sa.Column("page_url", sa.Text(), server_default="", nullable=False),
        sa.Column("phrase", sa.Text(), server_default="", nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "inquiry_id", name="pk_inquiries"),
    )
    op.create_index("ix_inquiries_opened", "inquiries", ["project_id", "opened_at"], unique=False)
    op.create_index(
        "ix_inquiries_person", "inquiries", ["project_id", "person_id", "opened_at"], unique=False
    )
    op.create_index("ix_inquiries_reference", "inquiries", ["project_id", "reference"], unique=False)
    op.create_table(
        "memberships",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "user_id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"], unique=False)
    op.create_table(
        "messages",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("platform", sa.String(length=64), nullable=False),
        sa.Column("channel_id", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=255), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("network", sa.String(length=16), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("inquiry_id", sa.Text(), server_default="", nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("settle_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("project_id", "platform", "channel_id", "message_id", name="pk_messages"),
    )
    op.create_index("ix_messages_inquiry", "messages", ["project_id", "inquiry_id"], unique=False)
    op.create_index("ix_messages_person", "messages", ["project_id", "person_id", "sent_at"], unique=False)
    op.create_index("ix_messages_state", "messages", ["state", "settle_at"], unique=False)
    op.create_table(
        "numbers",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("number_id", sa.String(length=64), nullable=False),
        sa.Column("network", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("is_tracked", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "number_id", name="pk_numbers"),
    )
    op.create_index("uq_numbers_address", "numbers", ["project_id", "network", "address"], unique=True)
    op.create_table(
        "persons",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("username", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "person_id", name="pk_persons"),
    )
    op.create_index("ix_persons_phone", "persons", ["project_id", "phone"], unique=False)
    op.create_table(
        "phrases",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("phrase_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("page", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("project_id", "phrase_id", name="pk_phrases"),
    )
    op.create_table(
        "projects",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("origins", Json, nullable=False),
        sa.Column("currency", sa.Text(), server_default="RUB", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("language", sa.Text(), server_default="en", nullable=False),
        sa.Column("phrase", sa.Text(), server_default="", nullable=False),
        sa.Column("template", sa.Text(), server_default="{reference} {phrase}", nullable=False),
        sa.Column("consent", sa.Text(), server_default="off", nullable=False),
        sa.Column("tag_rules", Json, nullable=False),
        sa.Column("depth_days", sa.Integer(), nullable=False),
        sa.Column("dialogue_gap_hours", sa.Integer(), nullable=False),
        sa.Column("window_days", sa.Integer(), nullable=False),
        sa.Column("wait_seconds", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name="pk_projects"),
        sa.UniqueConstraint("public_key", name="uq_projects_public_key"),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("password_hash", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "visits",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("visit_id", sa.String(length=64), nullable=False),
        sa.Column("visitor_id", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("landing_url", sa.Text(), server_default="", nullable=False),
        sa.Column("referrer", sa.Text(), server_default="", nullable=False),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "visit_id", name="pk_visits"),
    )
    op.create_index("ix_visits_started", "visits", ["project_id", "started_at"], unique=False)
    op.create_table(
        "webhooks",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("webhook_id", sa.String(length=64), nullable=False),
        sa.Column("connection_id", sa.String(length=64), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("project_id", "webhook_id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_state", "webhooks", ["state", "due_at"], unique=False)
