"""What a database is for, and whom it must not know."""

from django.db import models
from django.db.models import Q


class Source(models.Model):
    """The one row: where this database's feeds come from. Decided once."""

    class Kind(models.TextChoices):
        """Live, simulated and recorded data never share a database."""

        LIVE = "live", "the live network"
        SIMULATED = "simulated", "a made-up network"
        RECORDED = "recorded", "recorded feeds"

    id = models.SmallIntegerField(primary_key=True, default=1)
    kind = models.CharField(max_length=10, choices=Kind)
    decided_at = models.DateTimeField(auto_now_add=True)
    erasures = models.IntegerField(
        default=0, help_text="raised by each erasure, so that no process goes on with old rows"
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="source_single")]

    def __str__(self) -> str:
        return self.get_kind_display()


class ErasedMember(models.Model):
    """One row: the pseudonym of a member who asked to be forgotten."""

    pseudonym = models.BigIntegerField(primary_key=True)
    erased_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.pseudonym)
