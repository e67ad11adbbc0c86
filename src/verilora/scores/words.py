"""Words of English text as the scorers of captions count them: Penn Treebank, no punctuation."""

from __future__ import annotations

import re

_SIGNS = str.maketrans(
    {"’": "'", "‘": "'", **dict.fromkeys("£€¥", "#")}
    | {
        "(": " -lrb- ",
        ")": " -rrb- ",
        "[": " -lsb- ",
        "]": " -rsb- ",
        "{": " -lcb- ",
        "}": " -rcb- ",
    }
)
_JOINED = re.compile(r"\b(can(?=not\b)|(?:gon|wan)(?=na\b)|got(?=ta\b))")
_CLITIC = re.compile(r"(?<=[^\W\d_])(n't|'(?:s|m|d|ll|re|ve))(?![^\W_])")
_WORD = re.compile(
    r"""
    -[lr][rsc]b- | n't | '(?:s|m|d|ll|re|ve)(?![^\W_]) | d'oeuvres?
    | (?<![^\W_])-\d+                        # a negative number
    | \d*(?:[.,/]\d+)+(?:-\d+(?:[.,/]\d+)*)? # 30.99, 1,000, 3/5, 20.00-25
    | (?:st|rd|mr|mrs|dr|etc)\.              # abbreviations keep their point,
    | [^\W\d_]+\.(?=\s*,)                    # and so does what a comma shows to be one
    | [^\W_]+(?:-[^\W_]+)*                   # family-friendly, 20-25, 5-star
    | [#$%&+]
    """,
    re.VERBOSE,
)


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; "isn't" is two, "family-friendly" is one.

    These are the tokens of Stanford's PTBTokenizer (CoreNLP 3.4.1, -lowerCase) without those that
    the caption scorers strike out: quotes and . ? ! , : - -- ... ; (brackets, which they mean to
    strike out too, stay as -lrb- and the like: they look for them in capitals). So for English
    prose of the kind that is scored here; the tokenizer knows more (addresses, other
    abbreviations), and how often the two differ stands in docs/e2e.md.
    Source: Marcus et al. 1993 (the treebank); Chen et al. 2015, arXiv:1504.00325, section 3.
    """
    plain = text.lower().translate(_SIGNS)
    return _WORD.findall(_JOINED.sub(r"\1 ", _CLITIC.sub(r" \1", plain)))
