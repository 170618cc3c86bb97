"""`python -m quarterdeck`."""

from quarterdeck.entry import main

main()
