"""A batch of rows as one parameter of a statement, so that all of them are changed in one go.

A statement for each row, be it with ``executemany``, takes several times as long in the driver and at the server.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import JSON, FromClause, Text, bindparam, cast, column, func, select
from sqlalchemy.types import TypeEngine

DIALECTS = ("sqlite", "postgresql")


def spread(dialect: str, **columns: type[TypeEngine[Any]]) -> FromClause:
    """The rows in the parameter ``rows`` as a table with these columns; ``pack`` makes the parameter."""
    rows = bindparam("rows", type_=Text)
    if dialect == "sqlite":
        each = func.json_each(rows).table_valued("value", name="each")
        found = [func.json_extract(each.c.value, f"$.{name}", type_=of).label(name) for name, of in columns.items()]
        return select(*found).subquery("batch")
    named = [column(name, of) for name, of in columns.items()]
    return func.json_to_recordset(cast(rows, JSON)).table_valued(*named).render_derived("batch", with_types=True)


def pack(rows: Sequence[Mapping[str, object]]) -> str:
    return json.dumps(rows, ensure_ascii=False)
