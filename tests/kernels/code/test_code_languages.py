"""Languages by a file's name."""

import pytest

from skypile.kernels.code.code_languages import DATA_FORMATS, LANGUAGES, REDPAJAMA, language_of


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("src/a.py", "Python"),
        ("a.PY", "Python"),
        ("渡船/时刻.go", "Go"),
        ("Makefile", "Makefile"),
        ("Makefile.am", "Makefile"),
        ("docker/Dockerfile.dev", "Dockerfile"),
        ("CMakeLists.txt", "CMake"),
        ("a.d.ts", "TypeScript"),
        ("conf/a.yml", "YAML"),
        ("a.tar.gz", None),
        ("notes.txt", None),
        ("LICENSE", None),
        (".py", None),
        ("py", None),
        ("", None),
        (None, None),
    ],
)
def test_by_name(path: str | None, language: str | None) -> None:
    assert language_of(path) == language


def test_the_lists_name_languages() -> None:
    assert set(REDPAJAMA) < set(LANGUAGES)
    assert set(DATA_FORMATS) < set(LANGUAGES)
    assert set(DATA_FORMATS) - set(REDPAJAMA) == {"JSON", "YAML"}
