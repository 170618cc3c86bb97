"""Trees and flows as lines."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from quarterdeck.drawing.document import document_lines, document_text
from quarterdeck.drawing.spans import wrapped
from quarterdeck.drawing.structure import rate_text
from quarterdeck_api.documents import Block, Document, FlowBlock, FlowEdge, FlowNode, TreeBlock, TreeNode
from quarterdeck_api.resources import Health
from quarterdeck_api.visible import visible


def _text(block: Block, width: int = 80) -> list[str]:
    return document_text(Document("d", (block,)), width).splitlines()


def test_a_tree_shows_what_belongs_to_what() -> None:
    nodes = (
        TreeNode("cluster", 0, Health.OK),
        TreeNode("node-1", 1, Health.OK, "10.0.0.1"),
        TreeNode("arima", 2, Health.BUSY),
        TreeNode("node-2", 1, Health.FAILED, "gone"),
        TreeNode("spare"),
    )
    assert _text(TreeBlock(nodes, "Cluster")) == [
        "Cluster",
        "● cluster",
        "├─ ● node-1  10.0.0.1",
        "│  └─ ◐ arima",
        "└─ ✖ node-2  gone",
        "spare",
    ]


def test_a_flow_branches_and_joins_and_each_node_is_drawn_once() -> None:
    nodes = (
        FlowNode("camera", "Camera", Health.OK),
        FlowNode("small", "Small model", Health.OK),
        FlowNode("large", "Large model", Health.DEGRADED, "31 wait"),
    )
    edges = (
        FlowEdge("camera", "small", 30.0),
        FlowEdge("small", "answers", 26.9),
        FlowEdge("small", "large", 3.1, label="unsure"),
        FlowEdge("large", "answers", None),
    )
    assert _text(FlowBlock(nodes, edges)) == [
        "● Camera",
        "└─ 30/s ─▶ ● Small model",
        "   ├─ 26.9/s ─▶ answers",
        "   └─ unsure 3.1/s ─▶ ▲ Large model  31 wait",
        "      └─ ─▶ answers  see above",
    ]


def test_a_circle_ends_where_it_began() -> None:
    block = FlowBlock((FlowNode("a"), FlowNode("b")), (FlowEdge("a", "b", 1.0), FlowEdge("b", "a", 1.0)))
    assert _text(block) == ["a", "└─ 1/s ─▶ b", "   └─ 1/s ─▶ a  see above"]


def test_a_long_detail_goes_on_below_its_node_and_beside_its_children() -> None:
    nodes = (TreeNode("root", 0), TreeNode("first", 1, None, "word " * 8), TreeNode("below", 2), TreeNode("second", 1))
    assert _text(TreeBlock(nodes), 30) == [
        "root",
        "├─ first word word word",
        "│  │  word word word word word",
        "│  └─ below",
        "└─ second",
    ]


def test_rates_have_units_that_a_person_reads() -> None:
    assert rate_text(30.0, "1/s") == "30/s"
    assert rate_text(0.123456, "1/s") == "0.123/s"
    assert rate_text(123456.7, "1/s") == "123,457/s"
    assert rate_text(1536.0, "By/s") == "1.5KiB/s"
    assert rate_text(float("nan"), "1/s") == "nan/s"
    assert rate_text(None, "1/s") == ""


_LABELS = st.text(max_size=20)


@given(st.lists(st.tuples(_LABELS, st.integers(-1, 40), _LABELS), max_size=12), st.integers(24, 90))
def test_a_tree_fits_its_width_and_no_byte_of_it_steers_the_terminal(
    rows: list[tuple[str, int, str]], width: int
) -> None:
    block = TreeBlock(tuple(TreeNode(label, depth, Health.OK, detail) for label, depth, detail in rows))
    _check_lines(block, width)


@given(st.lists(st.tuples(st.sampled_from("abcdé"), st.sampled_from("abcdé")), max_size=12), st.integers(24, 90))
def test_any_flow_ends_fits_and_names_every_edge(pairs: list[tuple[str, str]], width: int) -> None:
    block = FlowBlock((), tuple(FlowEdge(source, target, 1.0) for source, target in pairs))
    _check_lines(block, width)
    assert "\n".join(_text(block, 400)).count("▶") == len(pairs)


@given(st.text(alphabet="ab 漢字é", max_size=60), st.integers(2, 30))
def test_wrapped_text_fits_and_loses_no_letter(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def _check_lines(block: Block, width: int) -> None:
    for line in document_lines(Document("d", (block,)), width):
        text = "".join(span.text for span in line)
        assert cell_len(text) <= width
        assert visible(text) == text
