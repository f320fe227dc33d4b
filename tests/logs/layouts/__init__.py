"""Tables as other programs write them: small, with their real names, types and quirks."""

from tests.logs.layouts import analytics, public_sets, stores, types
from tests.logs.layouts.layout import Layout

LAYOUTS: list[Layout] = [*analytics.LAYOUTS, *stores.LAYOUTS, *public_sets.LAYOUTS, *types.LAYOUTS]
