"""What a page can do without: asked for beside what was seen last, and given up as a whole once the cluster does not answer."""

from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.rows import GivesRows, Rows
from quarterdeck_api.errors import UnreachableError


class Beside:
    """Asks for one page; after a question without an answer the others are not asked, so that the page comes before its reader has gone."""

    def __init__(self, client: GivesRows) -> None:
        self._client = client
        self._silent: UnreachableError | None = None

    def rows(self, statement: str, *, dialect: Dialect = Dialect.TREE) -> Rows:
        """The rows of a query; raises UnreachableError at once when the one before had no answer."""
        if self._silent is not None:
            raise UnreachableError(self._silent.message, self._silent.remedy)
        try:
            return self._client.rows(statement, dialect=dialect)
        except UnreachableError as error:
            self._silent = error
            raise
