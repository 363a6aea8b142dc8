"""Django's ORM under gunicorn, in a new project; without its middleware where ``BARE_DJANGO`` is set."""

import os
from random import randint

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from django_project import PROCESSORS, PROJECT, database, templates

bare = "BARE_DJANGO" in os.environ
settings.configure(
    **(PROJECT | {"MIDDLEWARE": [], "INSTALLED_APPS": []} if bare else PROJECT),
    ROOT_URLCONF=__name__,
    TEMPLATES=templates("fortunes", [] if bare else PROCESSORS),
    DATABASES=database(os.environ["DATABASE_URL"]),
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
