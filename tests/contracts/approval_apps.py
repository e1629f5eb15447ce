"""The two applications that the approval contract runs on, served by Daphne."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.asgi import get_asgi_application

view = get_asgi_application()

from apps.risk.door import mount  # noqa: E402 - models may not load before Django is up

door = mount(view)
