"""Contract tests: what a model, a baseline or a look-alike of another package has to keep.

docs/write-your-own-model.md shows how to use them.

They need nothing but a test runner that collects methods whose names begin with `test_`, such as pytest.
"""

from penchant.testing.graphs import GraphsContract
from penchant.testing.interests import InterestsContract
from penchant.testing.lookalikes import LookalikesContract
from penchant.testing.preferences import PreferencesContract
from penchant.testing.rankers import RankersContract

__all__ = ["GraphsContract", "InterestsContract", "LookalikesContract", "PreferencesContract", "RankersContract"]
