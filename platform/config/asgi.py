"""The ASGI door: HTTP by Django, the approval door over the same path as its view, WebSockets by Channels."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.utils.module_loading import import_string

from config.env import ConfigurationError

# Everybody can read the built-in key: whoever signs with it lets anybody in.
if settings.SECRET_KEY == settings.INSECURE_KEY:
    raise ConfigurationError("API_SECRET_KEY must be set to serve; `python3 go.py` makes and keeps one by itself")

django_application = get_asgi_application()

# Named by string and after Django is up: models may not load earlier, and the project imports no app.
# The three doors in front bound their own bodies.
guarded_application = import_string("apps.common.bodies.guard")(
    import_string("apps.gateway.lane.mount")(django_application)
)
http_application = import_string("apps.gateway.push.api.mount")(
    import_string("apps.risk.door.mount")(import_string("apps.gateway.agents_door.mount")(guarded_application))
)
websocket_application = import_string("apps.gateway.sockets.protect")(
    URLRouter(import_string("apps.gateway.sockets.urlpatterns"))
)

application = ProtocolTypeRouter({"http": http_application, "websocket": websocket_application})
