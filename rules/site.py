"""A site's overlay: its own thresholds, priorities, time targets and wording on top of a policy, without copying it.

It is one file, `site.yaml`, in a folder of its own. What it changes is named with the value that it replaces, so that a new
policy cannot slip underneath; all of it is part of the policy's digest. What would make a critical rule or a floor weaker
is refused unless somebody accepts the risk by name and reason, which then stands in every result.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from rules.claims import text_of
from rules.identity import digest_of
from rules.measurements import site_measurements
from rules.policy import AcceptedRisk, Policy, PolicyError, Site, load, read_targets
from rules.policy_parts import Wording
from rules.policy_reading import Entry, Table, read
from rules.recorded import AgeLimits
from rules.site_rules import accepted, site_floor, site_rule
from rules.urgency import Priority

FILE = "site.yaml"
"""The one file of an overlay."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
_GENERAL = "targets order fresh_h counts_h accept_risk"
_OWN_WORDS = tuple(
    one.name for one in fields(Wording) if one.name not in ("disclaimers", "not_in_this_version")
)
"""Standing texts that a site may word itself; disclaimers and limits of the version stay."""
_PLACEHOLDER = re.compile(r"{\w*}")


def load_policy(source: Path | None = None, site: Path | None = None) -> Policy:
    """The policy in a folder (or the installed one) with the overlay of a site, if there is one.

    Raises PolicyError with file and line if either must not be used.
    """
    policy = load(source)
    return policy if site is None else _overlaid(policy, _entry(site))


def _entry(site: Path) -> Entry:
    try:
        names = sorted(item.name for item in site.iterdir() if item.suffix in (".yaml", ".yml"))
        text = (site / FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(FILE, 1, f"the site's policy cannot be read: {error}") from error
    if names != [FILE]:
        other = ", ".join(name for name in names if name != FILE)
        raise PolicyError(FILE, 1, f"the site's policy is this one file; what is {other} for?")
    return read(text, FILE)


def _overlaid(policy: Policy, entry: Entry) -> Policy:
    table = entry.table("site policy", f"{_GENERAL} rules floors measurements wording")
    name = table["site"].text()
    if not _NAME.fullmatch(name):
        table["site"].fail("a site is named with at most 24 small letters, digits and dashes")
    if table["policy"].text() != policy.name:
        table["policy"].fail(f"this overlay is for `{table['policy'].text()}`, the policy is `{policy.name}`")
    changed, risks = _general(policy, table, entry)
    for key, change in (("rules", site_rule), ("floors", site_floor)):
        for item in table.items(key):
            changed, more = change(changed, item)
            risks += more
    if own := table.get("measurements"):
        measurements, weaker = site_measurements(changed.measurements, own)
        changed = replace(changed, measurements=measurements)
        risks += accepted(own.table("", " ".join(own.mapping())), own, weaker)
    if "wording" in table.entries:
        changed = replace(changed, wording=_wording(changed.wording, table["wording"]))
    told = tuple(f"Site {name}: {risk.what}; accepted by {risk.name}: {risk.reason}." for risk in risks)
    wording = replace(changed.wording, disclaimers=(*changed.wording.disclaimers, *told))
    changed = replace(changed, wording=wording, site=Site(name, risks))
    return replace(changed, digest=digest_of(replace(changed, digest="")))


def _general(policy: Policy, table: Table, entry: Entry) -> tuple[Policy, tuple[AcceptedRisk, ...]]:
    weaker: list[str] = []
    own = table.get("targets")
    order, lowered = _order(policy, table)
    ages, shorter = _ages(policy.limits.ages, table)
    weaker += [*lowered, *shorter]
    changed = replace(
        policy,
        targets=read_targets(own, policy.targets) if own else policy.targets,
        order={**policy.order, **order},
        limits=replace(policy.limits, ages=ages),
    )
    return changed, accepted(table, entry, weaker)


def _order(policy: Policy, table: Table) -> tuple[dict[str, Priority], list[str]]:
    order = (
        {key: item.choice(Priority) for key, item in table["order"].mapping().items()}
        if table.get("order")
        else {}
    )
    lowered = [
        f"an order as {key} is lowered from {policy.order[key]} to {priority}"
        for key, priority in order.items()
        if key in policy.order and policy.order[key].is_above(priority)
    ]
    return order, lowered


def _ages(ages: AgeLimits, table: Table) -> tuple[AgeLimits, list[str]]:
    """Hours that context values count. Where they count for less long, a floor may fall earlier."""
    fresh, counts = (
        _hours(table, key, held) for key, held in (("fresh_h", ages.fresh_h), ("counts_h", ages.counts_h))
    )
    for name in counts:
        if counts[name] < fresh[name]:
            table[next(key for key in ("counts_h", "fresh_h") if table.get(key))].fail(
                f"`{name}` would stop counting before it is stale"
            )
    shorter = [
        f"{name} counts for {counts[name]:g} h instead of {held:g} h"
        for name, held in ages.counts_h.items()
        if counts[name] < held
    ]
    return AgeLimits(fresh, counts), shorter


def _hours(table: Table, key: str, held: Mapping[str, float]) -> dict[str, float]:
    entry = table.get(key)
    own = entry.table("", " ".join(held)).entries if entry else {}
    return {**held, **{name: item.number() for name, item in own.items()}}


def _wording(wording: Wording, entry: Entry) -> Wording:
    table = entry.table("", " ".join(_OWN_WORDS))
    for key, item in table.entries.items():
        text, held = text_of(item), str(getattr(wording, key))
        if set(_PLACEHOLDER.findall(text)) != set(_PLACEHOLDER.findall(held)):
            wanted = ", ".join(sorted(set(_PLACEHOLDER.findall(held)))) or "none"
            item.fail(f"`{key}` must keep its placeholders: {wanted}")
        own: dict[str, Any] = {key: text}
        wording = replace(wording, **own)
    return wording
