"""What `make deploy-check` runs; the files are named check_*.py, so that `make test`, without tools, skips them."""
