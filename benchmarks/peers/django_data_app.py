"""Django's ORM under gunicorn, with a connection that stays open."""

import os
from pathlib import Path
from random import randint
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path

url = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    DEBUG=False,
    SECRET_KEY="benchmark",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [Path(__file__).parents[1] / "apps" / "fortunes" / "templates"],
        }
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path[1:],
            "USER": url.username,
            "PASSWORD": url.password or "",
            "HOST": url.hostname,
            "PORT": url.port,
            "CONN_MAX_AGE": None,
        }
    },
)
django.setup()


class World(models.Model):
    randomnumber = models.IntegerField()

    class Meta:
        app_label = "benchmark"
        db_table = "world"
        managed = False


class Fortune(models.Model):
    message = models.CharField(max_length=2048)

    class Meta:
        app_label = "benchmark"
        db_table = "fortune"
        managed = False


def fortunes(request):
    rows = [*Fortune.objects.all(), Fortune(id=0, message="Additional fortune added at request time.")]
    rows.sort(key=lambda fortune: fortune.message)
    return render(request, "fortunes.html", {"fortunes": rows})


def one(request):
    world = World.objects.get(pk=randint(1, 10_000))
    return JsonResponse({"id": world.pk, "randomnumber": world.randomnumber})


def ready(request):
    return HttpResponse("ready")


urlpatterns = [path("one", one), path("fortunes", fortunes), path("", ready)]
application = get_wsgi_application()
