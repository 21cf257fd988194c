"""Settings of a worker, from the environment (prefix CARTRIAGE_)."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class WorkerSettings(BaseSettings):
    """What a worker needs to know; the service's other settings are ignored here."""

    model_config = SettingsConfigDict(
        env_prefix="CARTRIAGE_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    data: Path = Path("data")
    redis_url: str = Field(default="", pattern=r"^$|^(rediss?|redis\+socket)://.")
    """Broker, as redis://, rediss:// or redis+socket:// (Unix socket); empty is the embedded one's socket in the
    data folder."""
    workers: int = Field(default=1, ge=1)
    """Studies that are analysed at the same time on this machine, each by a process of its own."""
    worker_threads: int | None = Field(default=None, ge=1)
    """Threads of each of these processes (workers.threads); None shares the cores out among them."""
    task_soft_limit_s: int = Field(default=300, ge=10)
    """After this the study is reported as not assessed."""
    task_hard_limit_s: int = Field(default=360, ge=20)
    """After this the task's process is killed; the message is delivered again."""
    models: Path | None = None
    """Folder of plug-in models, each with its card; never fetched from anywhere."""
    site_policy: Path | None = None
    """Folder of the site's overlay on the policy; the service needs the same, or its jobs are refused."""
    overlay: Literal["none", "contour"] = "none"
    """`contour` outlines on the key slices where the checks measured: another class of device (docs/adr/0010)."""
    segmentation: bool = False
    """Make SEGs of what was found, one for each series it was measured on; they leave only where a route names them."""
    cache_limit_mb: int = Field(default=4096, ge=0)
    volumes_limit_mb: int = Field(default=10240, ge=0)
    """Of the volumes that the study page shows, of all studies together; 0 leaves none."""
    disk_watermark_mb: int = Field(default=1024, ge=0)
    """Below this no volume is left for the study page: what receives goes first."""
    log_format: str = "json"

    @property
    def broker(self) -> str:
        """The broker URL in force."""
        return self.redis_url or f"redis+socket://{self.data.resolve() / 'redis.sock'}"

    @property
    def files(self) -> Path:
        """Root of the file store, shared with the service."""
        return self.data.resolve() / "files"

    @property
    def cache(self) -> Path:
        return self.data.resolve() / "cache"
