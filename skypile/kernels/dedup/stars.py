"""Connected components in rounds over sorted edges: large-star and small-star, as a stream.

For graphs that do not fit in one memory (Kiveris et al., Connected Components in MapReduce and
Beyond, SoCC 2014). A large-star links the greater neighbours of each node to the least of its
neighbourhood, a small-star the smaller ones and the node itself. In turns they turn each component
into a star around its least node, in a number of rounds that is logarithmic in its size as far as
anyone has seen. Neither parts nor joins components.

Edges come in batches, sorted by node and neighbour; the least neighbour is then the first, so that
a node with a billion of them takes no memory.
"""

import numpy as np
from numpy.typing import NDArray

Nodes = NDArray[np.int64]


class Stars:
    """One star operation over a stream of edges that is sorted by (node, neighbour).

    large: of all neighbours of each node (each edge is handed in from both sides); else small: of
    those that are less than it. `take` one batch after the other; repeats are dropped.
    """

    def __init__(self, *, large: bool) -> None:
        self._large = large
        self._last: tuple[int, int, int] | None = None  # node, neighbour, least of the last row

    def take(self, nodes: Nodes, neighbours: Nodes) -> tuple[Nodes, Nodes]:
        """(greater, less) ends of the edges that these rows become; at most one a row."""
        if not len(nodes):
            return nodes, neighbours
        fresh = np.empty(len(nodes), bool)
        fresh[1:] = nodes[1:] != nodes[:-1]
        fresh[0] = self._last is None or self._last[0] != nodes[0]
        repeat = np.zeros(len(nodes), bool)
        repeat[1:] = ~fresh[1:] & (neighbours[1:] == neighbours[:-1])
        repeat[0] = not fresh[0] and self._last is not None and self._last[1] == neighbours[0]
        first = np.maximum.accumulate(np.where(fresh, np.arange(len(nodes)), -1))
        least = np.minimum(nodes, neighbours)[first] if self._large else neighbours[first]
        if self._last is not None:
            least = np.where(first < 0, self._last[2], least)
        self._last = (int(nodes[-1]), int(neighbours[-1]), int(least[-1]))
        if self._large:
            out = (neighbours > nodes) & ~repeat
            return neighbours[out], least[out]
        greater = np.where(fresh, nodes, neighbours)
        return greater[~repeat], least[~repeat]
