import pytest

from rules.claims import claim_in, text_of
from rules.policy_reading import PolicyError, read


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("", ""),
        ("FLAIR hyperintensity of both thalami, abnormal.", ""),
        ("The brain is Normal.", "Normal"),
        ("There is no ICANS and the rest is unremarkable", "no ICANS"),
        ("This rules out PRES", "rules out"),
        ("MRI is often normal in ICANS.", ""),
        ("It keeps its normal place in the worklist.", ""),
        ("MRI is often normal in ICANS, and this one is normal.", "normal"),
        ("MRI is often normal in ICANS, here healthy; keeps its normal place in the worklist", "healthy"),
        ("no MRI is often normal in ICANSICANS", "no ICANS"),
    ],
)
def test_a_claim_is_the_first_word_that_claims(text: str, claim: str):
    assert claim_in(text) == claim


def test_a_text_of_a_site_claims_nothing():
    entry = read("a: 'Call the ward.'\nb: 'PRES is excluded.'", "site.yaml").mapping()
    assert text_of(entry["a"]) == "Call the ward."
    with pytest.raises(PolicyError, match=r"^site\.yaml:2: no text may say “excluded”$"):
        text_of(entry["b"])
