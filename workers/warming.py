"""Warming: the costly stages of the series that a study has so far, computed into the cache before the study is whole.

The stages are those of the pipeline, under the same digests (workers/cache.py), so `triage` finds them there. What cannot be read or
measured is left to `triage`, which tells it.
"""

from collections.abc import Callable

from rules.anatomy import Role
from rules.messages import SeriesReady, SeriesRecognised
from rules.policy import Policy
from workers.analysis import analyse
from workers.cache import Cache
from workers.checks.check import Check
from workers.checks.registry import checks
from workers.errors import PolicyMismatchError
from workers.images import Images
from workers.imaging.cuts import measuring_by
from workers.imaging.series import read_study
from workers.key_slices import key_slices
from workers.settings import WorkerSettings
from workers.stages import Stages
from workers.study import age_years


def warm(
    ready: SeriesReady,
    settings: WorkerSettings,
    policy: Policy,
    tell: Callable[[SeriesRecognised], None],
    give_way: Callable[[], None],
) -> Stages:
    """Compute what `triage` will need and the series at hand allow; returns the stages it took.

    tell : is handed what each series is, before anything is computed
    give_way : asked before each stage; raises GaveWay if something more urgent waits

    Raises PolicyMismatchError if the service decides by another policy than the one installed here.
    """
    if policy.digest != ready.policy_digest:
        raise PolicyMismatchError(ready.policy_digest[:12], policy.digest[:12])
    series, _ = read_study(ready.instances, settings.files)
    tell(SeriesRecognised(ready.study_instance_uid, {one.series_instance_uid: one.role for one in series}))
    stages = Stages(Cache(settings.cache, settings.cache_limit_mb << 20), before=give_way)
    roles = _obtainable({one.role for one in series})
    if Role.FLAIR not in roles:
        return stages  # the brain is looked for in the FLAIR: without it, most of the work would be thrown away when it comes
    images = Images(series, ready.instances, stages)
    earlier = None
    if ready.earlier:
        before, _ = read_study(ready.earlier.instances, settings.files)
        earlier = Images(before, ready.earlier.instances, stages, origin=images)
    headers = tuple(header for one in series for header in one.headers)
    with measuring_by(policy.measurements):
        known = checks(settings.models)
        for role in sorted(roles & {role for check in known for role in check.roles}):
            images.placed(role)
        found = analyse(images, at_hand(known, roles), age_years(headers), earlier)
        key_slices(images, found)
    return stages


def _obtainable(roles: set[Role]) -> set[Role]:
    """Roles that the series yield for good: a map is judged with the images it is made from, which often hold those without weighting."""
    if Role.DWI in roles:
        return roles | {Role.B0}
    return roles - {Role.ADC, Role.B0}


def at_hand(found: tuple[Check, ...], roles: set[Role]) -> list[Check]:
    """The checks whose series are all there, but for optional ones: the others would be measured anew when the rest comes."""
    kept: list[Check] = []
    for check in found:
        needed = set(check.roles) - set(check.optional)
        if needed <= roles and set(check.after) <= {one.name for one in kept}:
            kept.append(check)
    return kept
