"""`assign` of the same vectors again and again, to centres of which most stay or move a little.

What comes out is what `kernels.distribution.recurrence.assign` says, bit by bit; it is computed
only where something can have changed. Angles are a metric: a vector whose nearest centre was far
outside of its ball is outside of the balls of all that moved less than that, and need not look at
them (Hamerly 2010). And one whose nearest centre stayed looks at those that moved alone.
"""

import numpy as np
from numpy.typing import NDArray

from skypile.kernels.distribution.recurrence import Floats, Int16s, Ints, lengths, nearest_of

_SLACK = 1e-3  # radians: more than the rounding of cosines and angles
_SLOW = (0.0, 0.05, 0.1, 0.2, 0.3)  # radians: what a centre may move and count as slow
NEW = np.inf  # radians


class Nearest:
    """The nearest centres of vectors, of length `kernels.distribution.vectors.SCALE` or zeros."""

    def __init__(self, vectors: Int16s, t: float) -> None:
        """t: the least cosine, above 0. Holds 32 bytes a vector beside them."""
        self._vectors, self._t = vectors, t
        self._away = np.full(len(vectors), -np.inf)  # radians: no centre is nearer than this
        self._centre = np.full(len(vectors), -1, np.int32)  # the nearest; -1: not known
        self._scaled = np.zeros(len(vectors), np.float32)  # by which it was chosen
        self._cosine = np.full(len(vectors), -1.0)

    def assign(
        self, centres: Int16s, moved_by: Floats, *, renumbered: bool = False
    ) -> NDArray[np.int32]:
        """The centre of each vector, -1 where none is within t.

        moved_by: radians from where each was in the table before (`angles`); NEW for others.
        renumbered: they have other places in the table than before.
        """
        if renumbered:
            self._centre[:] = -1
        most = self._slow(moved_by)
        outside = self._away - np.arccos(self._t) - _SLACK > most
        still = np.r_[moved_by == 0, False][self._centre] & ~outside
        self._away -= moved_by[moved_by <= most].max(initial=0)
        self._look(np.flatnonzero(~outside & ~still), centres, np.arange(len(centres)))
        self._look(np.flatnonzero(still), centres, np.flatnonzero(moved_by > 0))
        rows = np.flatnonzero(outside)
        # What is known of these is how far away all are, not which is the nearest.
        self._centre[rows], self._scaled[rows], self._cosine[rows] = -1, -np.inf, -1
        self._look(rows, centres, np.flatnonzero(moved_by > most))
        found = np.where(self._cosine >= self._t, self._centre, -1)
        self._centre[rows] = found[rows]
        return found

    def _slow(self, moved_by: Floats) -> float:
        """Which centres count as slow so that the fewest products are asked for."""
        room = self._away - np.arccos(self._t) - _SLACK
        costs = [
            np.count_nonzero(room <= d) * len(moved_by)
            + np.count_nonzero(room > d) * np.count_nonzero(moved_by > d)
            for d in _SLOW
        ]
        return _SLOW[int(np.argmin(costs))]

    def _look(self, rows: Ints, centres: Int16s, at: Ints) -> None:
        """Compare some vectors with some centres; what was known of the rows stays if nearer."""
        if not len(rows) or not len(at):
            return
        whole = len(at) == len(centres)
        for part, found, scaled, cosine in nearest_of(self._vectors, rows, centres[at]):
            now = at[found]
            known = self._scaled[part]
            nearer = (scaled > known) | ((scaled == known) & (now < self._centre[part]))
            nearer |= whole
            self._centre[part] = np.where(nearer, now, self._centre[part])
            self._scaled[part] = np.where(nearer, scaled, known)
            self._cosine[part] = np.where(nearer, cosine, self._cosine[part])
            angle = np.arccos(np.clip(self._cosine[part], -1, 1)) - _SLACK
            if whole:
                self._away[part] = angle
            else:
                self._away[part] = np.minimum(self._away[part], angle)


def angles(one: Int16s, other: Int16s) -> Floats:
    """Radians between the rows of two tables: 0 for the same, and for no others."""
    products = np.einsum("ij,ij->i", one.astype(np.float64), other.astype(np.float64))
    cosine = products / (lengths(one) * lengths(other))
    apart = np.maximum(np.arccos(np.clip(cosine, -1, 1)), 1e-9)
    return np.where((one == other).all(axis=1), 0, apart)
