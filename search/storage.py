"""Where studies live: a journal file beside the user (default), SQLite, or PostgreSQL for workers on many machines."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.journal import JournalFile, StorageError

if TYPE_CHECKING:
    import optuna

HEARTBEAT_SECONDS = 10
GRACE_SECONDS = 60
RETRIES = 3


@dataclass(frozen=True, slots=True)
class Store:
    """An opened storage.

    Attributes:
        shared: several processes may work on its studies at once; the dead are found by heartbeats.
        flush: puts finished work on the disk.
        close: gives up files, locks and connections.
        heard: trials (by Optuna's id) of which a sign of life was ever written down.
    """

    storage: optuna.storages.BaseStorage
    where: str
    shared: bool
    flush: Callable[[], None]
    close: Callable[[], None]
    heard: Callable[[], frozenset[int]] = frozenset


def open_storage(
    text: str, heartbeat: int = HEARTBEAT_SECONDS, grace: int = GRACE_SECONDS, write: bool = True
) -> Store:
    """A storage by its name.

    Args:
        text: path of a journal file, ``sqlite:///FILE`` or ``postgresql://...``.
        heartbeat, grace: seconds between signs of life of a worker, and after which it counts as dead (databases).
        write: whether trials will be added.

    Raises:
        StorageError: it can't be opened; the message says why.
    """
    if "://" in text:
        return _database(text, heartbeat, grace)
    from optuna.storages import JournalStorage

    path = Path(text)
    if not write and not path.is_file():
        raise StorageError(f"{text}: no such study; `hwsim search SPACE` writes one")
    if not path.parent.is_dir():
        raise StorageError(f"{text}: there is no folder {path.parent}; create it")
    journal = JournalFile(path, write)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = JournalStorage(journal)
    return Store(storage, text, False, journal.flush, journal.close)


def _database(url: str, heartbeat: int, grace: int) -> Store:
    where = shown(url)
    try:
        from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
        from sqlalchemy import event
        from sqlalchemy.exc import ArgumentError, SQLAlchemyError
    except ImportError as error:
        raise StorageError(f"{where}: needs SQLAlchemy: pip install 'hwsim[search]' ({error})") from None
    sqlite = url.startswith("sqlite")
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    options: dict[str, Any] = {"connect_args": {"timeout": 60}} if sqlite else {"pool_pre_ping": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            storage = RDBStorage(
                url,
                engine_kwargs=options,
                heartbeat_interval=heartbeat,
                grace_period=grace,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(RETRIES),
            )
            if sqlite:
                event.listen(storage.engine, "connect", _fast_sqlite)
                with storage.engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    except (ArgumentError, SQLAlchemyError, ImportError) as error:
        raise StorageError(f"{where}: the database can't be opened: {_first_line(error)}") from None
    return Store(storage, where, True, lambda: None, storage.engine.dispose, lambda: _heard(storage))


def _fast_sqlite(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")


def _heard(storage: optuna.storages.RDBStorage) -> frozenset[int]:
    with storage.engine.connect() as connection:
        return frozenset(row[0] for row in connection.exec_driver_sql("SELECT trial_id FROM trial_heartbeats"))


@contextmanager
def quiet() -> Generator[None]:
    """Without Optuna's warnings that heartbeats are meant for ``Study.optimize``, and that they are experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def shown(url: str) -> str:
    """A URL without its password."""
    head, sign, host = url.rpartition("@")
    scheme, _, user = head.partition("://")
    return f"{scheme}://{user.partition(':')[0]}@{host}" if sign else url


@contextmanager
def clear_database_errors(where: str) -> Generator[None]:
    """Errors of a database that went away as one line for the user.

    Raises:
        StorageError: instead of what SQLAlchemy or Optuna raised.
    """
    from optuna.exceptions import StorageInternalError

    kinds: tuple[type[Exception], ...] = (StorageInternalError,)
    try:
        from sqlalchemy.exc import SQLAlchemyError

        kinds = (*kinds, SQLAlchemyError)
    except ImportError:
        pass
    try:
        yield
    except kinds as error:
        raise StorageError(
            f"{where}: the database does not answer: {_first_line(error)}; finished trials are kept, continue with"
            " --resume"
        ) from error
