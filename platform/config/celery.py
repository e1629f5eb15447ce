"""The Celery application. Tasks are doors: they fetch an id and call one service."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("mikrobot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def keep_our_logging(**_: object) -> None:
    """Leave logging to the settings: left alone, Celery raises the level to WARNING and loses our INFO events."""


setup_logging.connect(keep_our_logging)
