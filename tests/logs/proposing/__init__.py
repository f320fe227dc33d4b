"""How `penchant init` finds its way."""
