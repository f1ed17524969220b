"""The checks of `leadstream doctor`, by what they look at."""
