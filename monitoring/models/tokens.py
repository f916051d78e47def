"""What monitoring stores."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from monitoring.querysets import ApiTokenQuerySet

TOKEN_MARK = "vdc_"  # noqa: S105 - so that a token found in a file or log is recognised as one
TOKEN_BYTES = 32
PREFIX_LENGTH = 12  # of the characters shown again later: the mark and 48 of the 256 bits


def digest_of(secret: str | bytes) -> str:
    """What is stored of a token: its SHA-256 in hexadecimal digits.

    A slow password hash buys nothing here: it slows the guessing of what people choose, and
    these are 256 random bits. A plain digest is found by its index on each request.
    """
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).hexdigest()


def a_year_from_now() -> datetime:
    """How long a token lives unless its maker says otherwise."""
    return timezone.now() + timedelta(days=365)


class ApiToken(models.Model):
    """One row is one token with which a program signs in as a user; the token itself isn't kept."""

    name = models.CharField(max_length=100, help_text="What the token is for.")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    prefix = models.CharField("begins with", max_length=PREFIX_LENGTH, editable=False)
    # Its unique index serves the sign-in of each request.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(default=a_year_from_now)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # A day is fine enough to find tokens that nobody uses, and one write a day.
    last_used_on = models.DateField(null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        verbose_name_plural = "API tokens"
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="token_expires_after_creation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def renew_secret(self) -> str:
        """Give an unsaved token its secret and return it: the only time that it can be read."""
        secret = TOKEN_MARK + secrets.token_urlsafe(TOKEN_BYTES)
        self.prefix, self.digest = secret[:PREFIX_LENGTH], digest_of(secret)
        return secret

    def revoke(self) -> None:
        """End the token now; revoking it again keeps the first instant."""
        if self.revoked_at is None:
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])

    def note_use(self) -> None:
        """Remember the day, writing at most once a day."""
        today = timezone.now().date()
        if self.last_used_on != today:
            type(self).objects.filter(pk=self.pk).update(last_used_on=today)
