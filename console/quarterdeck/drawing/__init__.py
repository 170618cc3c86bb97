"""Charts, documents and quantities as text, for console and command line alike."""
