"""People, teams, roles, keys, and who did what."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower

from apps.common.models import Identified


class Role(models.TextChoices):
    OWNER = "OWNER"
    TRADER = "TRADER"
    VIEWER = "VIEWER"


class Tier(models.TextChoices):
    FREE = "FREE"
    PRO = "PRO"
    TOP = "TOP"


class Users(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(Identified, AbstractBaseUser, PermissionsMixin):
    PREFIX = "usr"

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects = Users()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def __str__(self) -> str:
        return self.email


class Team(Identified):
    PREFIX = "tem"

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=64, unique=True)
    tier = models.CharField(max_length=10, choices=Tier, default=Tier.FREE)
    halted_at = models.DateTimeField(null=True, blank=True)
    halt_reason = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.name


class Membership(Identified):
    PREFIX = "mem"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="member_once_per_team")]


class ApiKey(Identified):
    """A key for integrations and bots: `mk_<env>_<id><secret><check>`; only a peppered HMAC of it is kept."""

    PREFIX = "key"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120)
    key_id = models.CharField(max_length=8, unique=True)
    digest = models.CharField(max_length=64)
    pepper_number = models.PositiveSmallIntegerField(default=1)
    scopes = models.JSONField(default=list)
    account_id = models.UUIDField(null=True, blank=True)  # bound to one account, or to none
    allowed_ips = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"


class AuditEntry(Identified):
    """Who did what: written in the transaction of the deed, never changed."""

    PREFIX = "aud"

    team = models.ForeignKey(Team, null=True, on_delete=models.PROTECT)
    actor = models.CharField(max_length=120)  # user:<email>, key:<id>, executor:<code>, system
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=120, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["team", "-created_at"], name="audit_by_team")]
        verbose_name_plural = "audit entries"


class PlatformState(models.Model):
    """One row: the platform's own latch, and the epoch that a restored backup must raise."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    fleet_epoch = models.BigIntegerField(default=1)
    halted_at = models.DateTimeField(null=True, blank=True)
    halt_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="platform_state_is_one_row")]
