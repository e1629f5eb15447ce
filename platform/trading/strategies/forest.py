"""
Trees trained by scikit-learn and walked in plain Python: one row costs some microseconds instead of milliseconds.

Training is deterministic: fixed seeds, one thread. A model is never stored as code or pickle: where it is needed again it is
trained again from the same bars.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

SEED = 42


class Tree(NamedTuple):
    """One tree as columns: ``left[node]`` < 0 is a leaf, whose ``value`` holds one number per class."""

    feature: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    value: list[list[float]]


class Model:
    """
    A random forest, and where asked gradient boosting beside it; probabilities are the mean of the two.

    :param rows: features of the training bars, (n, k).
    :param labels: -1, 0 or 1 for each.
    """

    def __init__(self, rows: Sequence[Sequence[float]], labels: Sequence[int], *, trees: int, boosted: bool) -> None:
        # Loaded where something is trained: whoever only asks a strategy what it needs goes without.
        from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

        features, wanted = np.asarray(rows, dtype=np.float64), np.asarray(labels)
        forest = RandomForestClassifier(trees, max_depth=10, min_samples_split=5, random_state=SEED, n_jobs=1)
        forest.fit(features, wanted)
        # By name, never by place: a class may be absent.
        self.classes = [int(label) for label in forest.classes_]
        self.forest = [_read(tree.tree_) for tree in forest.estimators_]
        self.stages: list[list[Tree]] = []
        self.rate = 0.1
        if boosted:
            booster = GradientBoostingClassifier(
                n_estimators=trees,
                max_depth=3,
                learning_rate=self.rate,
                max_features="sqrt",
                init="zero",
                random_state=SEED,
            )
            booster.fit(features, wanted)
            self.stages = [[_read(tree.tree_) for tree in stage] for stage in booster.estimators_]

    def probabilities(self, row: Sequence[float]) -> dict[int, float]:
        """Return the probability of each label seen in training."""
        # scikit-learn compares single precision features with double precision thresholds.
        single = array("f", row)
        votes = [0.0] * len(self.classes)
        for tree in self.forest:
            for place, share in enumerate(_walk(tree, single)):
                votes[place] += share
        shares = [vote / len(self.forest) for vote in votes]
        if self.stages:
            shares = [(a + b) / 2 for a, b in zip(shares, self._boosted(single), strict=True)]
        return dict(zip(self.classes, shares, strict=True))

    def _boosted(self, single: Sequence[float]) -> list[float]:
        scores = [0.0] * len(self.stages[0])
        for stage in self.stages:
            for place, tree in enumerate(stage):
                scores[place] += self.rate * _walk(tree, single)[0]
        if len(scores) == 1:
            second = 1 / (1 + math.exp(-scores[0]))
            return [1 - second, second]
        highest = max(scores)
        powers = [math.exp(score - highest) for score in scores]
        return [power / sum(powers) for power in powers]


def _walk(tree: Tree, row: Sequence[float]) -> list[float]:
    feature, threshold, left, right, value = tree
    node = 0
    while left[node] >= 0:
        node = left[node] if row[feature[node]] <= threshold[node] else right[node]
    return value[node]


def _read(tree: Any) -> Tree:
    columns = (tree.feature, tree.threshold, tree.children_left, tree.children_right, tree.value[:, 0, :])
    return Tree(*(column.tolist() for column in columns))
