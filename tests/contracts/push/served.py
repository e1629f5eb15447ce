"""The platform's doors as `config.asgi` mounts them, with the settings of the tests."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from apps.gateway.push.api import mount  # noqa: E402 - models may not load before Django is up
from apps.gateway.sockets import protect, urlpatterns  # noqa: E402

application = ProtocolTypeRouter({"http": mount(django_application), "websocket": protect(URLRouter(urlpatterns))})
