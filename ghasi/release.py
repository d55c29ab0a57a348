"""The release this code is of; processes tell it in their keys, so that a half-done upgrade shows."""

VERSION = "0.1.0"
