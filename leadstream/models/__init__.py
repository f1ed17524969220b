"""Rule files: their schema, loader, checks and compilation into what `scoring` folds with."""
