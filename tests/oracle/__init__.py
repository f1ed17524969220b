"""An oracle of everything that a rule file can say.

It reads the same rule files as the engine, so it can judge any model and any log, those of `make chaos` too.
What makes it worth having beside `tests/reference`: that one knows `tenx` and models like it, and no more.
"""
