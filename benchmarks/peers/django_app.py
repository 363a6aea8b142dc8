"""A Django project in one file, with the middleware that ``startproject`` puts into a new project."""

from __future__ import annotations

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django_project import PROJECT

settings.configure(**PROJECT, ROOT_URLCONF=__name__)


def as_json(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"message": "Hello, World!"})


urlpatterns = [path("json", as_json)]
application = get_wsgi_application()
