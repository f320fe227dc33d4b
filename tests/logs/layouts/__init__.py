"""Tables as other programs write them: small, with their real names, types and quirks."""

from tests.logs.layouts import analytics, challenges, collections, exports, public_sets, stores, types
from tests.logs.layouts.layout import Layout

FITTED: list[Layout] = [*analytics.LAYOUTS, *stores.LAYOUTS, *public_sets.LAYOUTS, *types.LAYOUTS]
"""Layouts that `init` was built with."""
UNSEEN: list[Layout] = [*exports.LAYOUTS, *challenges.LAYOUTS, *collections.LAYOUTS]
"""Layouts that it was first tried on when it was done; docs/data/layouts.md says how many were right."""
LAYOUTS = [*FITTED, *UNSEEN]
