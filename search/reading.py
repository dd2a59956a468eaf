"""Reading a study back: its space and base chip as they were when it began, and its finished trials."""

from __future__ import annotations

from search.space import Space
from search.space_file import import_plugin
from search.storage import clear_database_errors, open_storage
from search.study import BASE, SPACE
from search.trials import Row, rows_of
from workloads.errors import UserError


def read_study(where: str, name: str | None = None) -> tuple[Space, str, list[Row]]:
    """Space, text of the base chip's file, and finished trials by number.

    Raises:
        UserError: no such study, several where one must be named, or none of ours.
    """
    import optuna

    store = open_storage(where, write=False)
    try:
        with clear_database_errors(store.where):
            names = optuna.get_all_study_names(store.storage)
            if name is None and len(names) != 1:
                raise UserError(f"{store.where}: holds {len(names)} studies ({', '.join(names)}); choose with --space")
            chosen = name or names[0]
            if chosen not in names:
                raise UserError(f"{store.where}: has no study of {chosen!r}; there are {', '.join(names)}")
            study = optuna.load_study(study_name=chosen, storage=store.storage)
            text, base = study.user_attrs.get(SPACE), study.user_attrs.get(BASE)
            if text is None or base is None:
                raise UserError(f"{store.where}: {chosen} was not written by `hwsim search`")
            rows = sorted(rows_of(study), key=lambda row: row.number)
    finally:
        store.close()
    space = Space.model_validate_json(text)
    for plugin in space.plugins:
        import_plugin(plugin)
    return space, base, rows
