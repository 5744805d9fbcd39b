"""Pages and API: under WSGI, where Django serves three times as many as under ASGI."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
