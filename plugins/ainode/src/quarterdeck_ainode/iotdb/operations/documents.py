"""What a job of an operation shows at its end: what was sent, what the server said, and how it was seen to be so."""

from quarterdeck_ainode.iotdb.operations.sending import Sent, SentState, Waited
from quarterdeck_api.documents import Block, Document, Fact, FactsBlock, TextBlock
from quarterdeck_api.jobs import JobValue

_ANSWERS = {
    SentState.ACCEPTED: "accepted",
    SentState.LOST: "none came; that it was carried out was seen afterwards",
    SentState.SENDING: "not known, because the host ended meanwhile; that it was carried out was seen afterwards",
}


def evidence(title: str, sent: Sent, waited: Waited, data: dict[str, object], *more: Block) -> JobValue:
    """The value of a job that sent a statement and waited."""
    facts = FactsBlock(
        (
            Fact("Server's answer", _ANSWERS[sent.state]),
            Fact("Seen", waited.seen),
            Fact("After, s", round(waited.seconds, 1)),
            Fact("Looks at the cluster", waited.looks),
        ),
        "Evidence",
    )
    blocks = (TextBlock(sent.statement, "sql", "Statement"), facts, *more)
    found = {"statement": sent.statement, "seen": waited.seen, "seconds": round(waited.seconds, 3), **data}
    return JobValue(found, Document(title, blocks))
