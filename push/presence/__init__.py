"""Where people are: observations in, visits and moments out. Pure: given `now_ms`, no clock, no I/O."""
