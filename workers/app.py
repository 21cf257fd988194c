"""The workers' Celery application: late acknowledgement, one study at a time for each process, limits on every task."""

from celery import Celery
from kombu import Queue

from rules.messages import WARM_QUEUE, WORKER_QUEUE
from workers.settings import WorkerSettings

_VISIBILITY_MARGIN_S = 600
"""Redis hands a message out again when it is unacknowledged for the longest task plus this (celery#5935)."""


def make_app(settings: WorkerSettings) -> Celery:
    """An application that takes studies from the broker in `settings`. Nothing is connected yet."""
    app = Celery("cartriage.workers", broker=settings.broker, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_queues=[Queue(WORKER_QUEUE), Queue(WARM_QUEUE)],
        task_default_queue=WORKER_QUEUE,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_concurrency=settings.workers,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        task_soft_time_limit=settings.task_soft_limit_s,
        task_time_limit=settings.task_hard_limit_s,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": settings.task_hard_limit_s + _VISIBILITY_MARGIN_S,
            # By name: what is owed before what is only worth doing in time.
            "queue_order_strategy": "sorted",
            "socket_timeout": 30,
            "socket_connect_timeout": 10,
        },
        timezone="UTC",
    )
    return app
