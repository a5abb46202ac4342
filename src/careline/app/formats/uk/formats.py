"""A month after a day stands in the genitive: 7 листопада."""

MONTH_DAY_FORMAT = "j E"
