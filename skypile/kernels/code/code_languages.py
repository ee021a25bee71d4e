"""The language of a file of code by its name: extensions and whole names, as Linguist calls them.

`REDPAJAMA` are the languages of RedPajama's list of extensions (its GitHub filter, 2023). Of json,
xml, yaml and html, which the paper keeps a proportion of, RedPajama lists xml and html.
"""

_BY_LANGUAGE = {
    "Assembly": ".asm .s .nasm",
    "Batchfile": ".bat .cmd",
    "C": ".c .h",
    "C#": ".cs .csx",
    "C++": ".cpp .hpp .c++ .h++ .cc .hh .cxx .hxx .ipp .tpp",
    "CMake": ".cmake",
    "CSS": ".css",
    "Clojure": ".clj .cljs .cljc",
    "CoffeeScript": ".coffee",
    "Cython": ".pyx .pxd .pxi",
    "Dart": ".dart",
    "Dockerfile": ".dockerfile",
    "Elixir": ".ex .exs",
    "Erlang": ".erl .hrl",
    "F#": ".fs .fsi .fsx",
    "Fortran": ".f90 .f .f03 .f08 .f77 .f95 .for .fpp",
    "GraphQL": ".graphql .gql",
    "Go": ".go",
    "Gradle": ".gradle",
    "Groovy": ".groovy",
    "HTML": ".html .htm .xhtml",
    "Haskell": ".hs .lhs",
    "INI": ".ini .cfg .properties",
    "JSON": ".json .jsonc .json5 .geojson .webmanifest .topojson",
    "Java": ".java",
    "JavaScript": ".js .mjs .cjs .jsx",
    "Julia": ".jl",
    "Jupyter Notebook": ".ipynb",
    "Kotlin": ".kt .kts",
    "Less": ".less",
    "Lua": ".lua",
    "MATLAB": ".m",
    "Makefile": ".mk .mak",
    "Markdown": ".md .markdown",
    "OCaml": ".ml .mli",
    "PHP": ".php .php3 .php4 .php5 .phps .phpt",
    "Perl": ".pl .pm .pod .perl",
    "PowerShell": ".ps1 .psd1 .psm1",
    "Protocol Buffer": ".proto",
    "Python": ".py .pyi .pyw",
    "R": ".r",
    "Ruby": ".rb .rake .gemspec",
    "Rust": ".rs",
    "SCSS": ".scss .sass",
    "SQL": ".sql",
    "SVG": ".svg",
    "Scala": ".scala .sbt",
    "Shell": ".sh .bash .command .zsh .ksh",
    "Smali": ".smali",
    "Solidity": ".sol",
    "Swift": ".swift",
    "TOML": ".toml",
    "TeX": ".tex .sty .cls",
    "TypeScript": ".ts .tsx .mts .cts",
    "Verilog": ".v .sv .vh",
    "VHDL": ".vhd .vhdl",
    "Visual Basic": ".vb .vbs .bas",
    "Vue": ".vue",
    "XML": ".xml .xsd .xsl .xslt .xaml .csproj .vcxproj .plist .wsdl .rss .resx .pom",
    "YAML": ".yaml .yml",
    "Zig": ".zig",
    "reStructuredText": ".rst",
}
_BY_NAME = {
    "CMake": "cmakelists.txt",
    "Dockerfile": "dockerfile containerfile",
    "Makefile": "makefile gnumakefile",
    "Ruby": "rakefile gemfile podfile vagrantfile",
    "Shell": ".bashrc .bash_profile .profile .zshrc",
    "YAML": ".clang-format .clang-tidy",
    "JSON": ".babelrc .eslintrc .jshintrc composer.lock pipfile.lock flake.lock deno.lock",
}
LANGUAGES = tuple(sorted(_BY_LANGUAGE, key=str.casefold))
_EXTENSIONS = {e: name for name, extensions in _BY_LANGUAGE.items() for e in extensions.split()}
_NAMES = {n: language for language, names in _BY_NAME.items() for n in names.split()}

DATA_FORMATS = ("JSON", "XML", "YAML", "HTML")  # those that the paper keeps a proportion of
REDPAJAMA = (
    *("Assembly", "Batchfile", "C", "C#", "C++", "CMake", "CSS", "Dockerfile", "Fortran", "Go"),
    *("HTML", "Haskell", "Java", "JavaScript", "Julia", "Lua", "MATLAB", "Makefile", "Markdown"),
    *("PHP", "Perl", "PowerShell", "Python", "Ruby", "Rust", "SQL", "Scala", "Shell", "Smali"),
    *("TeX", "TypeScript", "Visual Basic", "XML", "reStructuredText"),
)


def language_of(path: str | None) -> str | None:
    """The language of a file by its name; None where neither name nor extension is known.

    Case does not count (RedPajama's list has `.C` as C++; here it is C, which is kept alike).
    """
    if not path:
        return None
    name = path.rpartition("/")[2].lower()
    if name in _NAMES:
        return _NAMES[name]
    if name.startswith(("makefile.", "dockerfile.")):  # Makefile.am, Dockerfile.dev
        return _NAMES[name.partition(".")[0]]
    stem, dot, extension = name.rpartition(".")
    return _EXTENSIONS.get(f".{extension}") if dot and stem else None
