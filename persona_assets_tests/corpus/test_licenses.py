from typing import Any

import pytest

from persona_assets.corpus.licenses import find_license, tidy_license


@pytest.mark.parametrize(
    ("name", "tidy"),
    [
        ("cc_re__cc_re__cc_by_sa_3_0", "CC-BY-SA-3.0"),
        ("cc_re__cc_re__cc_by_nc_nd_2_5_pe", "CC-BY-NC-ND-2.5-PE"),
        ("cc_re__cc_re__cc_by_nc_nd_4_0_es", "CC-BY-NC-ND-4.0"),
        ("cc_re__cc_re__cc_by_nc_sa_3_0_en", "CC-BY-NC-SA-3.0"),
        ("cc_re__cc_re__cc_by_sa_3_0_he", "CC-BY-SA-3.0"),
        ("cc_re__cc_re__cc_publicdomain_zero_1_0", "CC0-1.0"),
        ("cc_re__cc_re__cc_publicdomain_mark_1_0_fr", "PDM-1.0"),
        ("https://creativecommons.org/licenses/by-sa/4.0/", "CC-BY-SA-4.0"),
        ("https://creativecommons.org/licenses/by/3.0/us/legalcode", "CC-BY-3.0-US"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("cc-by-4.0", "CC-BY-4.0"),
        ("CC BY-NC 4.0", "CC-BY-NC-4.0"),
        ("cc-by-sa", "CC-BY-SA"),
        ("cc0", "CC0-1.0"),
        ("MIT", "MIT"),
        (" Apache-2.0 ", "Apache-2.0"),
        ("Acme\ud800 \x00Terms", "Acme Terms"),
    ],
)
def test_tidy_license(name: str, tidy: str) -> None:
    assert tidy_license(name) == tidy


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"license": "mit"}, "mit"),
        ({"licence": "cc-by-4.0"}, "CC-BY-4.0"),
        ({"metadata": {"license": "cc0"}}, "CC0-1.0"),
        ({"attributes": {"cc_re__cc_re__cc_by_4_0": [[1, 2, 1.0]], "other": [[1, 2, 1.0]]}}, "CC-BY-4.0"),
        ({"attributes": {"cc_re__cc_re__cc_by_4_0": [[1, 2]], "cc_re__cc_re__cc_by_3_0": None}}, "CC-BY-4.0"),
        (
            {"attributes": {"cc_re__cc_re__cc_by_4_0": [[1]], "cc_re__cc_re__cc_by_nc_3_0": [[1]]}},
            "CC-BY-4.0 AND CC-BY-NC-3.0",
        ),
        ({"license": None, "attributes": None, "metadata": "x"}, None),
        ({"license": "\ud800", "metadata": {"license": "MIT"}}, "MIT"),
        ({"attributes": {"cc_re__\ud800": [[1]]}}, "cc_re__"),
        ({}, None),
    ],
)
def test_find_license(fields: dict[str, Any], found: str | None) -> None:
    assert find_license(fields) == found
