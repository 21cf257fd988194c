"""`python -m workers.again`: one stored analysis once more, from its image files, without cache, reports, network or database.

Reads an AnalyseAgain as JSON from standard input and writes the StudyTriaged as JSON to standard output.
"""

import json
import sys
from pathlib import Path

from rules.again import AnalyseAgain
from rules.codec import MessageError, from_plain, to_plain
from rules.messages import StudyTriaged
from workers.cache import Cache
from workers.errors import CannotAssess
from workers.logs import configure
from workers.models.card import ModelRefused
from workers.pipeline import Places, triage
from workers.settings import WorkerSettings
from workers.threads import limit_threads, threads_for


def analyse_again(asked: AnalyseAgain, models: Path | None) -> StudyTriaged:
    """The result of the same inputs by the software that is installed now.

    models : folder of plug-in models

    Raises CannotAssess if no header can be read, ModelRefused if a plug-in model must not be used.
    """
    return triage(asked.ready, Places(Path(asked.files), None, models), asked.policy, Cache(None))


def main() -> None:
    """Answer one message; a failure ends with its name on standard error, never with what the files hold."""
    configure("json")
    try:
        asked: AnalyseAgain = from_plain(AnalyseAgain, json.load(sys.stdin))
        settings = WorkerSettings()
        limit_threads(threads_for(settings.worker_threads, settings.workers))
        triaged = analyse_again(asked, settings.models)
    except (ValueError, MessageError, CannotAssess, ModelRefused) as error:
        sys.exit(f"not analysed: {type(error).__name__}")
    json.dump(to_plain(triaged), sys.stdout)


if __name__ == "__main__":
    main()
