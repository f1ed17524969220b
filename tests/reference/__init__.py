"""An oracle of the core: points that fade, thresholds, bands, actions; `tenx` and small models like it.

What makes it worth having beside `tests/oracle`: it is written from the words of the semantics a second time,
shares no code with that one, and is read in one sitting; a misreading that one of the two has in common with
the engine is found by the other.
"""
