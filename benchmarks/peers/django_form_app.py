"""Django's side of the form of twenty fields: see ``benchmarks/pages.py``."""

import gc
import json
import sys
import time
from pathlib import Path

import django
from django import forms
from django.conf import settings
from django.template import engines

sys.path.append(str(Path(__file__).parents[1] / "apps" / "form"))
from fields import INITIAL, twenty

REPEATS = 200
settings.configure(DEBUG=False, TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}])
django.setup()
TwentyFields = type("TwentyFields", (forms.Form,), twenty(forms))
template = engines["django"].from_string("{{ form }}")


def form():
    gc.collect()
    seconds, cpu = time.perf_counter(), time.process_time()
    for _ in range(REPEATS):
        page = template.render({"form": TwentyFields(initial=INITIAL)})
    seconds, cpu = time.perf_counter() - seconds, time.process_time() - cpu
    names = {piece.partition('"')[0] for piece in page.split(' name="')[1:]}
    return {"seconds": seconds, "cpu": cpu, "count": REPEATS, "fields": len(names)}


for line in sys.stdin:
    print(json.dumps({"form": form}[line.strip()]()), flush=True)
