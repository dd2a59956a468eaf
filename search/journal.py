"""Optuna's journal as one file that survives kill -9 and a full disk: whole lines only, repaired when it is opened.

The format is that of Optuna's own journal file, so that ``optuna-dashboard FILE`` reads it. One process writes at a
time (an exclusive lock, freed by the system when it dies), which is why no lock is taken per line.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from workloads.errors import UserError


class StorageError(UserError):
    """A study that cannot be opened, read or written; what was finished before is kept."""


class JournalFile(BaseJournalBackend):
    """A journal file, locked while it is open for writing."""

    def __init__(self, path: Path, write: bool = True) -> None:
        self.path = path
        self._offsets: list[int] = [0]
        try:
            self._file = os.open(path, (os.O_RDWR | os.O_CREAT | os.O_APPEND) if write else os.O_RDONLY, 0o644)
        except OSError as error:
            raise StorageError(f"{path}: the study can't be opened: {error.strerror}") from None
        if write:
            self._lock()
            self._drop_partial_line()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise StorageError(
                f"{self.path}: another `hwsim search` is running this study; wait for it, or use --storage postgresql://..."
            ) from None

    def _drop_partial_line(self) -> None:
        """What was being written when the machine died or the disk was full is not a line yet."""
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, min(size, 1 << 20), max(0, size - (1 << 20)))
        if tail and not tail.endswith(b"\n"):
            os.ftruncate(self._file, size - len(tail) + tail.rfind(b"\n") + 1)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Entries from a number on; a line that is not whole yet is left for later."""
        place = min(log_number_from, len(self._offsets) - 1)
        offset = self._offsets[place]
        data = os.pread(self._file, max(0, os.fstat(self._file).st_size - offset), offset)
        for line in data.split(b"\n")[:-1]:
            offset += len(line) + 1
            place += 1
            if place == len(self._offsets):
                self._offsets.append(offset)
            if place > log_number_from:
                try:
                    yield json.loads(line)
                except ValueError:
                    raise StorageError(
                        f"{self.path}: entry {place} is damaged; the file was changed by hand?"
                    ) from None

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append entries; either all or none of them stay.

        Raises:
            StorageError: the disk is full, or the file can't be written.
        """
        data = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        size = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, data)
            if written < len(data):
                written += os.write(self._file, data[written:])
        except OSError as error:
            os.ftruncate(self._file, size)
            raise StorageError(
                f"{self.path}: can't be written: {error.strerror}; finished trials are kept, continue with --resume"
            ) from None

    def flush(self) -> None:
        """Put what was written on the disk, so that a power cut can't take it."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise StorageError(f"{self.path}: can't be written: {error.strerror}; continue with --resume") from None

    def close(self) -> None:
        """Close the file and give up its lock."""
        os.close(self._file)
