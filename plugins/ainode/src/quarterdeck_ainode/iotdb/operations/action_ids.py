"""The ids of the operations on a cluster."""

START, STOP, REMOVE = "node.start-ainode", "node.stop-ainode", "node.remove-ainode"
CREATE, CONFIGURE = "model.create", "node.set-configuration"
DROP, LOAD, UNLOAD, FINE_TUNE = "model.drop", "model.load", "model.unload", "model.fine-tune"
KILL = "query.kill"

#: Every operation on a node, on a model, and on a query.
NODE_OPERATIONS = (START, STOP, REMOVE, CREATE, CONFIGURE)
MODEL_OPERATIONS = (DROP, LOAD, UNLOAD, FINE_TUNE)
QUERY_OPERATIONS = (KILL,)

#: Checked on a real 2.0.10: the statement never reaches any AINode, whatever that could do.
NO_FINE_TUNING = (
    "Apache IoTDB 2.0.10 cannot fine-tune: CREATE MODEL … FROM MODEL fails in the DataNode (1011); Timecho's edition can. "
    "Tune the parameters of a local model instead: model.tune"
)
