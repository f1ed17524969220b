"""What the values of facts and signals mean: pure functions, one subject a module.

What a lead has told is kept as it came and read whenever it is needed: so another way of reading holds at
once, and no stored row has to change. A value that can't be read is absent for scoring and policy.
"""
