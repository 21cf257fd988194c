"""The environment of our own processes: settings on their way from one to another."""

import json
import os
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from service.settings import Settings


def environment_of(settings: Settings) -> dict[str, str]:
    """Our environment with all settings in it, so that every process runs on the same ones."""
    values = _revealed(settings.model_dump()) | {"log_format": "json"}
    return dict(os.environ) | {f"CARTRIAGE_{name.upper()}": _text(value) for name, value in values.items()}


def _revealed(value: Any) -> Any:
    """Settings as JSON takes them. A secret that stayed hidden would reach our own processes as asterisks."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case dict():
            return {name: _revealed(one) for name, one in value.items()}
        case list() | tuple():
            return [_revealed(one) for one in value]
        case Path():
            return str(value)
        case _:
            return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | Path):
        return str(value)
    return json.dumps(value)
