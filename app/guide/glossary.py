"""Words of the field on the page, each explained in one sentence, as in docs/glossary.md."""

from __future__ import annotations

from html import escape

TERMS = {
    "analysis": "The step in which an observation corrects the ensemble.",
    "ensemble": "Several states, the members, whose mean is the estimate and whose scatter its "
    "uncertainty.",
    "forecast": "The step in which the model carries the ensemble on to the next snapshot.",
    "full space": "The fields on the grid, as opposed to a latent space.",
    "latent": "Said of what works on ten to fifty numbers that stand for the fields.",
    "member": "One of the states of an ensemble, with separate unknown parameters.",
    "noise": "The measurement error, as a fraction of each variable's standard deviation.",
    "relative error": "The size of mean minus truth over the size of the truth, over all "
    "variables, each in units of its standard deviation.",
    "spread": "Standard deviation of the ensemble.",
    "χ²/n": "The innovations' squared size over the one that the ensemble's covariance and the "
    "errors of observation and model let expect: 1 where all of them are right.",
}


def term(word: str, text: str | None = None) -> str:
    """A word as HTML that says what it means, to the pointer and to the keyboard.

    Args:
        word: one of ``TERMS``; ``text``: how it stands on the page, if otherwise.

    Raises:
        ValueError: for a word that is not there.
    """
    if word not in TERMS:
        raise ValueError(f"{word!r} is not in the glossary; there are {', '.join(TERMS)}")
    shown, sentence = escape(text or word), escape(TERMS[word])
    return f'<abbr class="term" tabindex="0" title="{sentence}">{shown}</abbr>'
