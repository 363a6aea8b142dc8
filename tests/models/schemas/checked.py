"""Models with everything that full_clean looks at."""

from __future__ import annotations

from vivace import models
from vivace.errors import ValidationError


class Team(models.Model):
    name = models.CharField(max_length=20, unique=True)
    active = models.BooleanField(default=True)


class Player(models.Model):
    name = models.CharField(max_length=20)
    nick = models.CharField(max_length=20, null=True, blank=True)
    number = models.IntegerField()
    age = models.IntegerField(null=True, blank=True)
    team = models.ForeignKey(Team, models.CASCADE, limit_choices_to={"active": True}, related_name="players")
    joined = models.DateField()
    headline = models.CharField(max_length=20, unique_for_month="joined", blank=True)

    class Meta:
        unique_together = [["team", "number"]]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(age__gte=models.F("number")) | models.Q(age=None), name="old_enough"
            ),
            models.CheckConstraint(
                condition=models.Q(number__range=(1, 99)) & ~models.Q(name__startswith="x"),
                name="sensible",
                violation_error_message="Not sensible: %(name)s.",
                violation_error_code="nonsense",
            ),
            models.UniqueConstraint(fields=["nick"], name="one_nick"),
            models.UniqueConstraint(fields=["name"], condition=models.Q(number__gt=50), name="one_high"),
            models.UniqueConstraint(models.F("number") + models.F("team_id"), name="one_sum"),
        ]

    async def clean(self) -> None:
        if self.name == "nobody":
            raise ValidationError("Nobody cannot play.", code="nobody")


class Captain(Player):
    armband = models.CharField(max_length=5, unique=True)

    def clean(self) -> None:  # type: ignore[override]
        if self.armband == "none":
            raise ValidationError({"armband": ["A captain has one."]})


class Song(models.Model):
    team = models.ForeignKey(Team, models.CASCADE, related_name="songs")
    title = models.CharField(max_length=20)
    sung = models.DateField()

    class Meta:
        order_with_respect_to = "team"
