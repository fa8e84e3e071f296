"""The examples of public docstrings are run."""

from __future__ import annotations

import doctest

import pytest

import nanclean
from nanclean import api


@pytest.mark.parametrize("name", ["scan", "check", "compare"])
def test_the_example_prints_what_it_says(name):
    verb = getattr(nanclean, name)
    examples = doctest.DocTestFinder().find(verb, name, module=api, globs={})

    assert sum(len(example.examples) for example in examples) > 0
    for example in examples:
        assert doctest.DocTestRunner().run(example).failed == 0
