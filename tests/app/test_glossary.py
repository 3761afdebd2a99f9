import re
from pathlib import Path

import pytest

from ldensf_app.guide.glossary import TERMS, term

PAGE = Path(__file__).parents[2] / "docs" / "glossary.md"


def entries():
    """Words in lower case and what the page of the documentation says of each, without markup."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^\*\*([^*]+)\*\* – (.+?)(?=\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    return {word.lower(): " ".join(said.replace("*", "").split()) for word, said in found}


@pytest.mark.parametrize("word", sorted(TERMS))
def test_a_word_means_the_same_on_the_page_and_in_the_documentation(word):
    sentence = TERMS[word]
    said = entries()[word]
    assert sentence.endswith(".") and sentence.count(". ") == 0
    assert said[0].upper() + said[1:].partition(". ")[0].rstrip(".") + "." == sentence


def test_a_term_says_what_it_means_and_takes_the_focus():
    html = term("member", "members <of all>")
    assert 'tabindex="0"' in html and f'title="{TERMS["member"]}"' in html
    assert ">members &lt;of all&gt;</abbr>" in html


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="'gain' is not in the glossary; there are analysis"):
        term("gain")
