"""Measures of drift, one a file. The name of the module is the word in policies, reports and messages."""
