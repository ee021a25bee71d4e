import pytest

from skypile.licences import hub_names


@pytest.mark.parametrize(
    ("licence", "names"),
    [
        ("Apache-2.0", ("apache-2.0",)),
        (" cc-by-sa-4.0 ", ("cc-by-sa-4.0",)),
        ("BSD-3-Clause-Clear", ("bsd-3-clause-clear",)),
        ("ODC-By-1.0", ("odc-by",)),
        ("GPL-3.0-or-later", ("gpl-3.0",)),
        ("MIT OR Apache-2.0", ("mit", "apache-2.0")),
        ("(MIT and BSD-3-Clause)", ("mit", "bsd-3-clause")),
        ("CC-BY-SA-2.5", ("other",)),
        ("LicenseRef-CommonCrawl-ToU", ("other",)),
        ("", None),
        ("unknown", None),
        ("other", None),
        ("as the publisher's", None),
        ("Common Crawl terms of use", None),
        ("MIT OR whatever", None),
        ("MIT Apache-2.0", None),
        ("版权归原作者所有", None),
    ],
)
def test_what_is_a_known_licence(licence: str, names: tuple[str, ...] | None) -> None:
    assert hub_names(licence) == names
