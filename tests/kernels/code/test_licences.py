"""Licences to SPDX: names of data sets, texts of licence files, notices in heads."""

import pytest

from skypile.kernels.code.licences import (
    IDENTIFIERS,
    NOASSERTION,
    allowed,
    is_licence_file,
    of_folder,
    of_head,
    of_text,
    spdx,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mit", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache 2", "Apache-2.0"),
        ("apache-2.0", "Apache-2.0"),
        ("New BSD License", "BSD-3-Clause"),
        ('BSD 3-Clause "New" or "Revised" License', "BSD-3-Clause"),
        ('BSD 2-Clause "Simplified" License', "BSD-2-Clause"),
        ("Simplified BSD License", "BSD-2-Clause"),
        ("GPLv3+", "GPL-3.0"),
        ("GPL-3.0-or-later", "GPL-3.0"),
        ("GNU General Public License v3.0", "GPL-3.0"),
        ("GNU Lesser General Public License v2.1", "LGPL-2.1"),
        ("GPL-2.0 WITH Classpath-exception-2.0", "GPL-2.0"),
        ("Apache-2.0 WITH LLVM-exception AND GPL-3.0", "Apache-2.0 AND GPL-3.0"),
        ("(apache-2.0 with LLVM exception) and GPL-2.0", "(Apache-2.0) AND GPL-2.0"),
        ("GPL-2.0 WITH Classpath-exception-2.0 OR MIT", "GPL-2.0 OR MIT"),
        ("MIT (GPL-3.0)", None),
        ("Mulan PSL v2", "MulanPSL-2.0"),
        ("MIT OR Unlicense", "MIT OR Unlicense"),
        ("(mit and bsd-3-clause) or apache-2.0", "(MIT AND BSD-3-Clause) OR Apache-2.0"),
        ("MIT/Apache-2.0", "MIT AND Apache-2.0"),
        ("MIT, House Rules", None),
        ("MIT AND", None),
        ("proprietary", None),
        ("Other", None),
        (" ", None),
        (None, None),
    ],
)
def test_names(name: str | None, expected: str | None) -> None:
    assert spdx(name) == expected


@pytest.mark.parametrize("name", IDENTIFIERS)
def test_every_identifier_means_itself(name: str) -> None:
    assert spdx(name) == spdx(name.lower()) == name


@pytest.mark.parametrize(
    ("expression", "is_allowed"),
    [
        ("MIT", True),
        ("GPL-3.0", False),
        ("GPL-3.0 OR MIT", True),
        ("GPL-3.0 AND MIT", False),
        ("MIT AND (GPL-3.0 OR Apache-2.0)", True),
        ("MIT OR GPL-3.0 AND GPL-2.0", True),  # AND binds
    ],
)
def test_expressions(expression: str, is_allowed: bool) -> None:
    assert allowed(expression, frozenset({"MIT", "Apache-2.0"})) is is_allowed


MIT = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy\nof this software"
)
BSD = "Redistribution and use in source and binary forms, with or without\nmodification, are"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{MIT} ... this\npermission notice shall be included in all copies", "MIT"),
        (MIT, "MIT-0"),
        ("Apache License\n  Version 2.0, January 2004", "Apache-2.0"),
        (BSD, "BSD-2-Clause"),
        (f"{BSD}. Neither the name of the copyright holder", "BSD-3-Clause"),
        (f"{BSD}. All advertising materials mentioning features", "BSD-4-Clause"),
        (
            "GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007 ... the GNU Lesser General",
            "GPL-3.0",
        ),
        ("GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991", "GPL-2.0"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\nVersion 2.1", "LGPL-2.1"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3", "AGPL-3.0"),
        ("木兰宽松许可证, 第2版", "MulanPSL-2.0"),
        ("All rights reserved.", None),
        ("版权所有", None),
    ],
)
def test_texts(text: str, expected: str | None) -> None:
    assert of_text(text) == expected


@pytest.mark.parametrize(
    ("head", "notices", "expected"),
    [
        ("// SPDX-License-Identifier: MIT\n", False, "MIT"),
        ("/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */", True, "(GPL-2.0 OR MIT)"),
        ("<!-- SPDX-License-Identifier: Apache-2.0 -->", True, "Apache-2.0"),
        ("# Licensed under the Apache License,\n# Version 2.0 (the", True, "Apache-2.0"),
        ("# under the terms of the\n# GNU General Public License version 3", True, "GPL-3.0"),
        ("Licensed under the Apache License, Version 2.0", False, None),
        ("// SPDX-License-Identifier: BUSL-1.1", True, NOASSERTION),
        ("import os", True, None),
    ],
)
def test_heads(head: str, notices: bool, expected: str | None) -> None:
    assert of_head(head, notices=notices) == expected


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("LICENSE", f"{MIT} ... this\npermission notice shall be included in all copies", "MIT"),
        ("ee/LICENSE", "In production only with a subscription.", NOASSERTION),
        ("ee/COPYING.txt", "非经书面许可，不得使用。", NOASSERTION),
        ("a/LICENSE", "../../LICENSE\n", None),  # a link, as git stores it
        ("docs/license.md", "It is free.", None),
        ("a.py", "In production only with a subscription.", None),
    ],
)
def test_terms_of_a_folder(path: str, text: str, expected: str | None) -> None:
    assert of_folder(path, text) == expected


@pytest.mark.parametrize("name", ["LICENSE", "LICENCE.txt", "COPYING", "LICENSE-MIT", "UNLICENSE"])
def test_licence_files(name: str) -> None:
    assert is_licence_file(f"a/{name}")


@pytest.mark.parametrize("name", ["license.py", "licenses.json", "relicense", "README.md", None])
def test_other_files(name: str | None) -> None:
    assert not is_licence_file(name)
