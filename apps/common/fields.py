"""Column types whose precision is decided once for the whole platform."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

BOUND = Decimal("1e15")


class NumericField(models.DecimalField):  # type: ignore[type-arg]
    """NUMERIC(24,8): money, prices and volumes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_digits"], kwargs["decimal_places"] = 24, 8
        super().__init__(*args, **kwargs)


class FractionField(models.DecimalField):  # type: ignore[type-arg]
    """NUMERIC(12,8): 0.05 is 5 %. Named `…_fraction`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_digits"], kwargs["decimal_places"] = 12, 8
        kwargs.setdefault("validators", [MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(1000))])
        super().__init__(*args, **kwargs)


def within_bounds(*names: str) -> models.Q:
    """Return the check that each column is a number of sane size. NaN sorts above all numbers, so the upper bound refuses it."""
    check = models.Q()
    for name in names:
        check &= models.Q(**{f"{name}__isnull": True}) | (
            models.Q(**{f"{name}__gt": -BOUND}) & models.Q(**{f"{name}__lt": BOUND})
        )
    return check
