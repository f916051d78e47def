from types import SimpleNamespace

import pytest

from collector.api.delivery import accepted_encoding, is_known


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("", "identity"),
        ("br", "identity"),
        ("gzip, deflate, br", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip;q=0.9", "gzip"),
        ("gzip;q=0", "identity"),
        ("*", "zstd"),
        ("GZIP", "gzip"),
        ("gzip;q=much", "identity"),
        (";;,,=", "identity"),
    ],
)
def test_the_encoding_is_what_the_reader_likes_best(header, encoding):
    assert accepted_encoding(header) == encoding


@pytest.mark.parametrize(
    ("offered", "known"),
    [
        ('W/"abc-json"', True),
        ('"abc-json"', True),  # a proxy made it strong
        ('"x", W/"abc-json"', True),
        ("*", True),
        ('W/"abc-json2"', False),
        ('W/"xabc-json"', False),
        ("", False),
    ],
)
def test_a_tag_is_known_if_it_is_among_the_offered(offered, known):
    request = SimpleNamespace(META={"HTTP_IF_NONE_MATCH": offered})
    assert is_known('W/"abc-json"', request) is known
