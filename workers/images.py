"""The images of one study during a walk: each role read, aligned and judged once, when a check first asks for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Role
from rules.findings import Why
from rules.identity import digest_of
from rules.messages import InstanceFile, SeriesQuality
from workers.checks.bright_fluid import has_bright_rim
from workers.checks.check import Lack
from workers.errors import CannotAssess
from workers.imaging.anatomy import lay
from workers.imaging.brain_map import BrainMap, map_brain
from workers.imaging.contrast import CONTRASTS
from workers.imaging.cuts import cuts_digest
from workers.imaging.diffusion import same_grid
from workers.imaging.ghosts import spoiled, without
from workers.imaging.motion import Motion, at_rest
from workers.imaging.quality import quality_of
from workers.imaging.registration import Strewn, align, strewn
from workers.imaging.scan import Scan
from workers.imaging.series import Series
from workers.imaging.sources import RELATED, volume_of
from workers.imaging.volume import Volume
from workers.stages import Stages
from workers.study import series_digests
from workers.versions import code_digest

REFERENCES = tuple(CONTRASTS)
"""Series in which the brain may be looked for, best first."""

_INSTEAD = {
    Role.T2: "no FLAIR series; on T2 alone only clear lesions of the deep regions are told",
    Role.T1: "no FLAIR and no T2 series; on T1 alone lesions are not measured",
}
"""Why FLAIR hyperintensity is not measured, by the series that the brain was found in instead."""

_WITH: Mapping[Role, Role] = {Role.B0: Role.DWI, Role.ADC: Role.DWI, Role.PHASE: Role.SWI}
"""What is acquired together with the images of a role, or made from them: it lies as they do, and is spoiled where they are."""
_JUDGED_WITH = {Role.DWI: (Role.B0,)}
"""Series whose slices count among those of a role: a map of diffusion is as bad as the worse of the images it is made from."""


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """The series that the anatomy was found in."""

    role: Role
    brain: BrainMap


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """One role's series, found fit to be measured."""

    uids: tuple[str, ...]
    motion: Motion
    quality: SeriesQuality
    left_out: tuple[int, ...] = ()
    """Slices that ghosts of motion keep from being measured."""


@dataclass(slots=True)
class Images:
    """All series of a study. What is costly goes through the cache; what is asked for twice is kept."""

    series: Sequence[Series]
    instances: Sequence[InstanceFile]
    stages: Stages
    origin: "Images | None" = None
    """For an earlier study: the images it is compared with, whose anatomy is laid onto it as well."""
    _volumes: dict[Role, tuple[Volume, tuple[str, ...]]] = field(default_factory=dict)
    _scans: dict[Role, Scan] = field(default_factory=dict)
    """With all their slices."""
    _kept: dict[Role, Scan] = field(default_factory=dict)
    """Of those of which slices are left out, the rest."""
    _placed: dict[Role, Placed | Lack] = field(default_factory=dict)
    _mapped: Mapped | Lack | None = None
    _strewn: Strewn | None = None

    def digest(self, roles: Iterable[Role]) -> str:
        """Identity of everything that scans of these roles are made from, the anatomy included."""
        mapped = self.mapped()
        reference = (mapped.role,) if isinstance(mapped, Mapped) else REFERENCES
        own = self._identity({*roles, *reference})
        return digest_of([own, self.origin.digest(())]) if self.origin else own

    def mapped(self) -> Mapped | Lack:
        """The anatomy, or why there is none: the trouble of the first series that it was looked for in."""
        if self.origin:
            return self.origin.mapped()
        if self._mapped is None:
            self._mapped = self._map()
        return self._mapped

    def placed(self, role: Role) -> Placed | Lack:
        """How the series of a role lies and what it is worth, or why it is not measured."""
        if role not in self._placed:
            digest = digest_of([role, self.digest((role, *_JUDGED_WITH.get(role, ())))])
            stage = f"{'earlier ' if self.origin else ''}align {role.value}"
            self._placed[role] = self.stages.recall(stage, digest, lambda: self._place(role))
        return self._placed[role]

    def scan(self, role: Role) -> Scan:
        """The scan of a role; raises CannotAssess if it is not fit to be measured."""
        placed, mapped = self.placed(role), self.mapped()
        if isinstance(placed, Lack):
            raise CannotAssess(placed.why, placed.detail)
        if isinstance(mapped, Lack):
            raise CannotAssess(mapped.why, mapped.detail)
        if role not in self._scans:
            self._scans[role] = self._laid(role, mapped.brain, placed.motion)
        if placed.left_out and role not in self._kept:
            whole = self._scans[role]
            slices = np.isin(np.arange(len(whole.volume.array)), placed.left_out)
            self._kept[role] = replace(whole, anatomy=without(whole.anatomy, slices))
        return self._kept.get(role, self._scans[role])

    def _identity(self, roles: set[Role]) -> str:
        wanted = roles | {other for role in roles for other in RELATED.get(role, ())}
        inputs = [
            (one.role, series_digests(self.instances, one.series_instance_uid))
            for one in self.series
            if one.role in wanted
        ]
        return digest_of([inputs, code_digest(), cuts_digest()])

    def _map(self) -> Mapped | Lack:
        trouble = None
        for role in REFERENCES:
            if any(one.role is role for one in self.series):
                found = self._brain_in(role)
                if isinstance(found, BrainMap):
                    better = self._in_t2(found) if role is Role.FLAIR else None
                    return better or Mapped(role, found)
                trouble = trouble or found
        return trouble or Lack(Why.SERIES_MISSING, "no FLAIR, T2 or T1 series to find the brain in")

    def _in_t2(self, brain: BrainMap) -> Mapped | None:
        """The anatomy as the T2 shows it, if the FLAIR's fluid is bright: there the brain was drawn out over it, up to the bone."""

        def is_bright() -> bool:
            scan = self._scans[Role.FLAIR] = self._laid(Role.FLAIR, brain, at_rest())
            return has_bright_rim(scan.anatomy)

        if all(one.role is not Role.T2 for one in self.series):
            return None
        if not self.stages.recall("rim", self._identity({Role.FLAIR}), is_bright):
            return None
        found = self._brain_in(Role.T2)
        if isinstance(found, Lack):
            return None
        self._scans.pop(Role.FLAIR, None)
        return Mapped(Role.T2, found)

    def _brain_in(self, role: Role) -> BrainMap | Lack:
        def find() -> BrainMap | Lack:
            try:
                return map_brain(self._volume(role)[0])
            except CannotAssess as reason:
                return Lack(reason.why, reason.detail)

        return self.stages.recall("anatomy", self._identity({role}), find)

    def _place(self, role: Role) -> Placed | Lack:
        mapped = self.mapped()
        try:
            volume, uids = self._volume(role)
            if isinstance(mapped, Lack):
                return mapped
            motion = self._motion(role, volume, mapped)
            # The reference may have been laid already, to align another series with it.
            scan = self._scans[role] = self._scans.get(role) or self._laid(role, mapped.brain, motion)
            left_out = self._spoiled(role, scan)
        except CannotAssess as reason:
            return Lack(reason.why, _detail(role, mapped, reason))
        quality = quality_of(scan, left_out)
        if not quality.is_usable:
            return Lack(Why.QUALITY, ", ".join(quality.problems))
        return Placed(uids, motion, quality, tuple(int(k) for k in np.flatnonzero(left_out)))

    def _spoiled(self, role: Role, scan: Scan) -> NDArray[np.bool_]:
        """Slices, (k,), that ghosts of motion keep from being measured; raises CannotAssess for a map of refused images."""
        # A phase has no ghosts to see: its air is noise of every value.
        found = (
            np.zeros(len(scan.volume.array), dtype=bool)
            if role is Role.PHASE
            else spoiled(scan.volume, scan.anatomy)
        )
        if role in _JUDGED_WITH:
            for other in self._beside(scan.volume, _JUDGED_WITH[role]):
                found |= spoiled(other, scan.anatomy)
        main = _WITH.get(role)
        if main is None or not self._beside(scan.volume, (main,)):
            return found
        weighted = self.placed(main)
        if isinstance(weighted, Placed):
            found[list(weighted.left_out)] = True
        elif role is not Role.B0 and weighted.why is Why.QUALITY:
            raise CannotAssess(weighted.why, weighted.detail)
        return found

    def _beside(self, volume: Volume, roles: Iterable[Role]) -> list[Volume]:
        """The volumes of some roles that are there, on the grid of another."""
        found = []
        for role in roles:
            try:
                found.append(self._volume(role)[0])
            except CannotAssess:
                continue  # its own place says so
        return [one for one in found if same_grid(volume, one)]

    def _motion(self, role: Role, volume: Volume, mapped: Mapped) -> Motion:
        if role is mapped.role and not self.origin:
            return at_rest()
        main = _WITH.get(role)
        weighted = self.placed(main) if main else None
        if main and isinstance(weighted, Placed) and same_grid(volume, self._volume(main)[0]):
            # A map of a few grey levels would align worse by itself, a phase not at all.
            return weighted.motion
        if self.origin and role is not mapped.role:
            return self._motion_through(mapped, volume)
        return align(self._places(mapped), volume)

    def _motion_through(self, mapped: Mapped, volume: Volume) -> Motion:
        """Of an earlier series: by the earlier reference series, whose frame it shares as a rule and which matches this study's own best.

        A SWI with hardly any contrast between grey and white is else not believed to be the same brain (match 0.08-0.12, simulated).
        """
        reference = self.placed(mapped.role)
        if isinstance(reference, Lack) or reference.motion.information is None:
            return align(self._places(mapped), volume)
        if self._strewn is None:
            digest = self.digest(())
            self._strewn = self.stages.recall(
                "earlier places", digest, lambda: strewn(self.scan(mapped.role))
            )
        return align(self._strewn, volume).after(reference.motion)

    def reference(self, mapped: Mapped) -> Scan:
        """The scan that the anatomy was found in; for an earlier study that of the study it is compared with."""
        if self.origin:
            return self.origin.reference(mapped)
        if mapped.role not in self._scans:
            self._scans[mapped.role] = self._laid(mapped.role, mapped.brain, at_rest())
        return self._scans[mapped.role]

    def _places(self, mapped: Mapped) -> Strewn:
        """Places of the reference, found once for all series: with them in the cache it need not be laid again."""
        if self.origin:
            return self.origin._places(mapped)  # noqa: SLF001 - another of the same class
        if self._strewn is None:
            digest = self._identity({mapped.role})
            self._strewn = self.stages.recall("places", digest, lambda: strewn(self.reference(mapped)))
        return self._strewn

    def _laid(self, role: Role, brain: BrainMap, motion: Motion) -> Scan:
        volume = self._volume(role)[0]
        with self.stages.timed(f"lay {role.value}"):
            return Scan(volume, lay(volume, brain, motion), motion)

    def _volume(self, role: Role) -> tuple[Volume, tuple[str, ...]]:
        if role not in self._volumes:
            with self.stages.timed(f"read {role.value}"):
                self._volumes[role] = volume_of(self.series, role)
        return self._volumes[role]


def _detail(role: Role, mapped: Mapped | Lack, reason: CannotAssess) -> str:
    """Why a series is not measured; of a missing FLAIR also what is not seen on the series that stands in for it."""
    if role is Role.FLAIR and isinstance(mapped, Mapped) and reason.why is Why.SERIES_MISSING:
        return _INSTEAD.get(mapped.role, reason.detail)
    return reason.detail
