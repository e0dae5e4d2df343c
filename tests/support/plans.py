"""What PostgreSQL would do for the statements of a store."""

from typing import Any

from sqlalchemy import ClauseElement, Executable
from sqlalchemy.ext.compiler import compiles

from twinline.db.session import Reading


class Explain(Executable, ClauseElement):
    """What PostgreSQL would do for a statement."""

    inherit_cache = False

    def __init__(self, statement: Any) -> None:
        self.statement = statement


@compiles(Explain)
def _explain(element: Explain, compiler: Any, **given: Any) -> str:
    return f"explain {compiler.process(element.statement, **given)}"


class Explaining(Reading):
    """Keeps the plans of statements instead of executing them."""

    def __init__(self, tx: Reading) -> None:
        super().__init__(tx._connection)
        self.plans: list[str] = []

    def rows(self, statement: Any, values: Any = None) -> list[Any]:
        self.plans.append("\n".join(self.values(Explain(statement), values)))
        return []
