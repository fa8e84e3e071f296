"""Measures nanclean beside bare reads and other libraries: `make bench` writes RESULTS.md. No clock fails a test."""
