"""An AINode of our own: joins a cluster of Apache IoTDB and answers its requests with the models of the local engine."""
