"""How a scan is taken: what one site, day or patient changes in a protocol."""

from dataclasses import dataclass, fields, replace

from rules.anatomy import Role
from workers.simulation.geometry import StackSize
from workers.simulation.protocol import Scanner, SeriesPlan

_DIFFUSION = frozenset({Role.B0, Role.DWI, Role.ADC})


@dataclass(frozen=True, slots=True)
class Conditions:
    """Relative to the vendor's own protocol; the defaults leave it as it is."""

    snr: float = 1.0
    """Factor of the signal-to-noise ratio of every series."""
    thickness_mm: float | None = None
    """Slice thickness of the 2D series; their gap stays in proportion."""
    resolution: float = 1.0
    """Factor of the pixel size of the 2D series; above 1 is coarser."""
    movement: float = 0.0
    """Rigid motion of the head between series: at most so many mm and degrees along and about each axis."""
    distortion: float = 0.0
    """Echo-planar displacement next to air, 1 for a usual scan at 3 T."""
    sagittal_flair: bool = False
    """FLAIR as a sagittal 3D series that reaches down to C3."""
    phase_images: bool = False
    """Also the phase images of the susceptibility-weighted series."""

    @property
    def is_usual(self) -> bool:
        return self == USUAL

    def words(self) -> str:
        """A text that differs where the conditions differ, for derived identifiers."""
        return ";".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))


USUAL = Conditions()


def adapted(scanner: Scanner, conditions: Conditions, *, contrast_before_flair: bool = False) -> Scanner:
    """The scanner with its protocol changed."""
    series = tuple(_adapted(plan, conditions) for plan in scanner.series)
    if conditions.phase_images:
        series = tuple(one for plan in series for one in _with_phase(plan))
    if contrast_before_flair:
        series = tuple(_after_contrast(plan) if plan.role is Role.FLAIR else plan for plan in series)
    return replace(scanner, series=series)


def _with_phase(plan: SeriesPlan) -> tuple[SeriesPlan, ...]:
    """The series, and after a susceptibility-weighted one its phase images."""
    if plan.role is not Role.SWI:
        return (plan,)
    weighting = replace(plan.weightings[0], role=Role.PHASE, image_type=("ORIGINAL", "PRIMARY", "P", "ND"))
    number, description = 10 * plan.number + 1, f"{plan.description} Pha"
    return plan, replace(plan, number=number, description=description, weightings=(weighting,))


def _after_contrast(plan: SeriesPlan) -> SeriesPlan:
    return replace(
        plan,
        weightings=tuple(replace(w, timing=replace(w.timing, contrast_agent=True)) for w in plan.weightings),
    )


def _adapted(plan: SeriesPlan, conditions: Conditions) -> SeriesPlan:
    size = plan.size
    if plan.acquisition == "2D" and plan.role is not Role.LOCALIZER:
        size = _sliced(_pixelled(size, conditions.resolution), conditions.thickness_mm)
    if conditions.sagittal_flair and plan.role is Role.FLAIR:
        plan, size = _sagittal(plan), _TALL
    return replace(plan, size=size, snr=plan.snr * conditions.snr)


_TALL = StackSize(224, 224, 142, 1.15, 1.25, 1.25)
"""26 cm from the vertex to C3 and 18 cm from ear to ear."""


def _sagittal(plan: SeriesPlan) -> SeriesPlan:
    return replace(
        plan,
        description=f"{plan.description} 3D SAG",
        acquisition="3D",
        planes=("sagittal",),
        snr=0.8 * plan.snr,
    )


def _sliced(size: StackSize, thickness_mm: float | None) -> StackSize:
    """The same cover with slices of another thickness."""
    if thickness_mm is None:
        return size
    spacing = round(thickness_mm * size.spacing_mm / size.thickness_mm, 2)
    slices = round(size.slices * size.spacing_mm / spacing)
    return replace(size, slices=slices, thickness_mm=thickness_mm, spacing_mm=spacing)


def _pixelled(size: StackSize, factor: float) -> StackSize:
    """The same field of view with pixels of another size; sides stay even."""
    rows, columns = (2 * round(n / factor / 2) for n in (size.rows, size.columns))
    return replace(size, rows=rows, columns=columns, pixel_mm=round(size.pixel_mm * size.rows / rows, 4))


def moves_together(role: Role) -> str:
    """Series taken in one go share the head's position."""
    if role in _DIFFUSION:
        return "diffusion"
    return Role.SWI.value if role is Role.PHASE else role.value
