"""The role of a series from the physics in its headers; its name is a weak witness, and unknown is better than wrong.

Rules are tried in order; the first that knows an answer gives it. Times from PS3.3 C.8.3.1 (MR Image) and, for enhanced
objects, C.8.13; typical clinical ranges at 0.3 to 3 T.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from pydicom.dataset import Dataset

from rules.anatomy import Confidence, Role
from workers.imaging import exclusions
from workers.imaging.exclusions import Verdict
from workers.imaging.headers import quiet
from workers.imaging.physics import Physics, physics_of

FLAIR_INVERSION_MS = (1400.0, 3200.0)
"""Inversion times that null cerebrospinal fluid: 1500 at 0.3 T, 1650 to 2100 in 3D, up to 2850 for TR 11 s at 3 T."""
FLAIR_ECHO_MS = 60.0
"""Shortest T2-weighted echo time of a FLAIR."""
T1_INVERSION_MS = (400.0, 1400.0)
"""Inversion times of T1-weighted inversion recovery (T1-FLAIR, MPRAGE); below lies fat suppression (STIR)."""
T2_ECHO_MS, T2_REPETITION_MS = 70.0, 2000.0
T1_ECHO_MS, T1_REPETITION_MS = 30.0, 1200.0
"""Longest times of a T1-weighted spin echo."""
NAMED_FLAIR_ECHO_MS, NAMED_FLAIR_REPETITION_MS = 70.0, 4000.0
"""Both must be exceeded before a name makes an inversion recovery without a TI a FLAIR."""
UNINVERTED_FLAIR_REPETITION_MS, UNINVERTED_FLAIR_ECHO_MS = 6000.0, 200.0
"""One of them must be exceeded too where nothing tells of an inversion: a T2 has the same times below, a 3D FLAIR the longer echo."""

_FLAIR = re.compile(r"flair|dark[ _-]?fluid|da-fl")
"""Also inside words, as in AXFLAIR or 3DFLAIR; da-fl is the older Siemens SPACE."""
_T1 = r"t1\w{0,2}|t1flair|mpr(?:age)?|bravo|spgr|fspgr|tfl|vibe|mp2rage"
_T2 = r"t2\w{0,3}"
_DOUBLE = r"dir|double[ _-]?(?:ir|inv\w*)"


class Judged(NamedTuple):
    """The role of a series."""

    role: Role
    evidence: str
    """One clause."""
    confidence: Confidence


def role_of(headers: Sequence[Dataset]) -> Judged:
    """The role of a series, why, and how sure it is; headers : at least one."""
    with quiet():
        physics = physics_of(headers)
    role, evidence = _verdict(physics)
    if role is Role.UNKNOWN:
        return Judged(role, evidence, Confidence.NONE)
    if _verdict(replace(physics, name=""))[0] is not role:  # without its name it would be something else
        return Judged(role, evidence, Confidence.LOW if physics.is_bare else Confidence.MEDIUM)
    other = _contradicting_name(role, physics)
    if other is not None:
        return Judged(role, f"{evidence}, although named as {other.value}", Confidence.MEDIUM)
    return Judged(role, evidence, Confidence.HIGH)


def _verdict(physics: Physics) -> Verdict:
    for rule in _RULES:
        verdict = rule(physics)
        if verdict is not None:
            return verdict
    return Role.UNKNOWN, f"{_joined(_family(physics), physics.times)} fits no role"


def _inversion_recovery(physics: Physics) -> Verdict | None:
    if not physics.is_inversion or physics.is_gradient:
        return None
    if physics.is_named(_DOUBLE):
        return Role.OTHER, f"double inversion recovery, {physics.times}"
    if physics.ti_ms is None:
        return _inversion_without_time(physics)
    return _inversion_at(physics.ti_ms, physics)


def _inversion_at(ti_ms: float, physics: Physics) -> Verdict:
    te = physics.te_ms
    if ti_ms < T1_INVERSION_MS[0]:
        return Role.OTHER, f"inversion recovery with fat suppression, {physics.times}"
    if ti_ms < T1_INVERSION_MS[1] and te is not None and te <= T1_ECHO_MS:
        return _t1(physics, f"T1-weighted inversion recovery, {physics.times}")
    if FLAIR_INVERSION_MS[0] <= ti_ms <= FLAIR_INVERSION_MS[1] and (te is None or te >= FLAIR_ECHO_MS):
        return _flair(physics, f"inversion recovery, {physics.times}")
    return Role.UNKNOWN, f"inversion recovery, {physics.times} fits no role"


def _inversion_without_time(physics: Physics) -> Verdict:
    if physics.acquisition_contrast == "FLUID_ATTENUATED" and (physics.te_ms or 0) >= FLAIR_ECHO_MS:
        return _flair(physics, f"acquisition contrast FLUID_ATTENUATED, {physics.times}")
    if _is_named_flair(physics) and _allows_flair(physics):
        return _flair(physics, _joined("inversion recovery without a TI", physics.times, "named FLAIR"))
    return Role.UNKNOWN, _joined("inversion recovery without a TI", physics.times)


def _named_flair(physics: Physics) -> Verdict | None:
    """No inversion evidence at all: a name counts if no physics speaks against it."""
    if physics.is_inversion or physics.is_gradient or physics.is_epi:
        return None
    if physics.acquisition_contrast == "FLUID_ATTENUATED" and (physics.te_ms or 0) >= FLAIR_ECHO_MS:
        return _flair(physics, f"acquisition contrast FLUID_ATTENUATED, {physics.times}")
    if not _is_named_flair(physics) or physics.is_bare:
        return None
    is_long = (physics.tr_ms or 0) > UNINVERTED_FLAIR_REPETITION_MS or (
        physics.te_ms or 0
    ) > UNINVERTED_FLAIR_ECHO_MS
    if is_long and _allows_flair(physics):
        return _flair(physics, f"{physics.times}, named FLAIR")
    return Role.UNKNOWN, f"named FLAIR, but {physics.times} does not fit"


def _gradient_t1(physics: Physics) -> Verdict | None:
    te, tr, ti = physics.te_ms, physics.tr_ms, physics.ti_ms
    if not physics.is_gradient or te is None or te > 10 or physics.is_epi:
        return None
    if ti is not None:
        # GE prepares BRAVO with 300 to 450 ms. Beyond the range lies the second image of MP2RAGE, which is no T1.
        return _t1(physics, f"prepared gradient echo, {physics.times}") if ti < T1_INVERSION_MS[1] else None
    if "MP" in physics.sequences or (physics.is_named(_T1) and (tr is None or tr <= 400)):
        return _t1(physics, f"gradient echo, {physics.times}")
    return None


def _spin_echo(physics: Physics) -> Verdict | None:
    te, tr = physics.te_ms, physics.tr_ms
    if "SE" not in physics.sequences or te is None or tr is None or physics.is_inversion or physics.is_epi:
        return None
    if te >= T2_ECHO_MS and tr >= T2_REPETITION_MS:
        return Role.T2, f"spin echo, {physics.times}"
    if te <= T1_ECHO_MS and tr <= T1_REPETITION_MS:
        return _t1(physics, f"spin echo, {physics.times}")
    if te < T2_ECHO_MS and tr >= T2_REPETITION_MS:
        return Role.OTHER, f"proton-density weighted, {physics.times}"
    return None


def _contradicting_name(role: Role, physics: Physics) -> Role | None:
    """The role that the name alone gives, if it is quite another."""
    family = _FAMILIES.get(role)
    if family is None:
        return None
    named = Role.FLAIR if _is_named_flair(physics) else None
    named = named or next((one for one, pattern in _NAMES if physics.is_named(pattern)), None)
    return None if named is None or named in family else named


def _by_name(physics: Physics) -> Verdict | None:
    """Headers without any time or sequence, as converters and anonymisers leave them: the name is all there is."""
    if not physics.is_bare or physics.sequences & {"GR", "IR", "EP"}:
        return None
    if _is_named_flair(physics):
        return _flair(physics, "by description only")
    for role, pattern in _NAMES:
        if physics.is_named(pattern):
            return _t1(physics, "by description only") if role is Role.T1 else (role, "by description only")
    return None


_NAMES = (
    (Role.ADC, r"adc"),
    (Role.DWI, r"dwi|tracew"),
    (Role.SWI, r"swi|swan"),
    (Role.T2, _T2),
    (Role.T1, _T1),
)
_FAMILIES = {
    Role.FLAIR: (Role.FLAIR, Role.T2),  # as in t2_tirm
    Role.T1: (Role.T1, Role.T1C),
    Role.T1C: (Role.T1, Role.T1C),
    Role.T2: (Role.T2,),
    Role.DWI: (Role.DWI, Role.ADC),  # a series may hold both
    Role.ADC: (Role.ADC, Role.DWI),
    Role.SWI: (Role.SWI, Role.T2),  # as in t2*
}
"""What a series of a role may be called without a contradiction; the other roles have no name of their own."""
_RULES: tuple[Callable[[Physics], Verdict | None], ...] = (
    exclusions.not_an_mr_image,
    exclusions.localizer,
    exclusions.tiled,
    exclusions.derived,
    exclusions.adc,
    exclusions.diffusion,
    exclusions.of_other_use,
    exclusions.susceptibility,
    _inversion_recovery,
    _named_flair,
    _gradient_t1,
    _spin_echo,
    _by_name,
)
"""Tried in this order: what is no image of the head comes first, names alone come last."""


def _is_named_flair(physics: Physics) -> bool:
    """A T1-FLAIR is none, and a name with T1 in it gives no vote."""
    return bool(_FLAIR.search(physics.name)) and "t1" not in physics.name


def _allows_flair(physics: Physics) -> bool:
    return (physics.te_ms is None or physics.te_ms > NAMED_FLAIR_ECHO_MS) and (
        physics.tr_ms is None or physics.tr_ms > NAMED_FLAIR_REPETITION_MS
    )


def _flair(physics: Physics, evidence: str) -> Verdict:
    return Role.FLAIR, f"{evidence}{_contrast(physics)}"


def _t1(physics: Physics, evidence: str) -> Verdict:
    return (Role.T1C if physics.is_after_contrast else Role.T1), f"{evidence}{_contrast(physics)}"


def _contrast(physics: Physics) -> str:
    if physics.has_agent:
        return ", after contrast"
    return ", after contrast by name" if physics.is_named_post else ""


def _family(physics: Physics) -> str:
    if physics.is_inversion:
        return "inversion recovery"
    if physics.is_gradient:
        return "gradient echo"
    return "spin echo" if "SE" in physics.sequences else "sequence not given"


def _joined(*clauses: str) -> str:
    return ", ".join(clause for clause in clauses if clause)
