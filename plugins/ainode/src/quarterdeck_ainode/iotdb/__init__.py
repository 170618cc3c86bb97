"""The backend `ainode.iotdb`: a cluster of Apache IoTDB with its AINode, operated over IoTDB's own Python client."""
