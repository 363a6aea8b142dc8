"""Django's side of the works that a process does again and again: see ``benchmarks/data.py``."""

import gc
import json
import sys
import time

from django_data_app import World

REPEATS = 20


def objects():
    gc.collect()
    seconds, cpu = time.perf_counter(), time.process_time()
    for _ in range(REPEATS):
        rows = list(World.objects.order_by("pk")[:1000])
    return {"seconds": time.perf_counter() - seconds, "cpu": time.process_time() - cpu, "count": len(rows)}


for line in sys.stdin:
    print(json.dumps({"objects": objects}[line.strip()]()), flush=True)
