"""How `penchant init` finds its way in somebody's tables: by structure, and by words only where structure is silent."""
