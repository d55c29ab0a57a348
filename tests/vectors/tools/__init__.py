"""How the vectors were cross-checked with software that is not ours. Nothing here is needed to run the tests."""
