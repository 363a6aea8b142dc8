"""The test of the TechEmpower benchmark that shows a page, the way a user would write it."""

from vivace import App, models, render

app = App()


class Fortune(models.Model):
    message = models.CharField(max_length=2048)

    class Meta:
        db_table = "fortune"
        managed = False


@app.get("/fortunes")
async def fortunes(request):
    rows = [*await Fortune.objects.all(), Fortune(id=0, message="Additional fortune added at request time.")]
    rows.sort(key=lambda fortune: fortune.message)
    return render(request, "fortunes.html", fortunes=rows)
