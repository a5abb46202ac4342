"""A month after a day stands in the genitive: 7 ноября."""

MONTH_DAY_FORMAT = "j E"
