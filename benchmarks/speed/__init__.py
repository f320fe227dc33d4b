"""How fast Penchant is: ratios to the floor of the machine, to plain code, and to other libraries."""
