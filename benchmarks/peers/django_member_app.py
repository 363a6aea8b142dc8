"""A page for who is logged in, with a form: Django's sessions, users and CSRF tokens, as a new project has them.

The tables are in a schema of their own, since Vivace's have some of the same names.
"""

import os
from datetime import timedelta

from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django_project import PROJECT, database, templates

settings.configure(
    **PROJECT,
    ROOT_URLCONF=__name__,
    TEMPLATES=templates("member"),
    DATABASES=database(os.environ["DATABASE_URL"], OPTIONS={"options": "-c search_path=django"}),
)
application = get_wsgi_application()


def member(request):
    return render(request, "member.html")


def ready(request):
    return HttpResponse("ready")


def make_member():
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session
    from django.db import connection
    from django.utils.timezone import now

    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA django")
    call_command("migrate", verbosity=0)
    user = User.objects.create_user("ada", os.environ["BENCHMARK_MEMBER"], "correct horse battery")
    data = {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    Session.objects.create(
        session_key=os.environ["BENCHMARK_SESSION"][:32],
        session_data=SessionStore().encode(data),
        expire_date=now() + timedelta(days=7),
    )


urlpatterns = [path("member", member), path("", ready)]
make_member()
