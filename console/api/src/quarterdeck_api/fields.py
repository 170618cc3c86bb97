"""Types of parameters and settings that mean more than their text: files, folders, secrets, datasets and addresses.

They are annotated texts, for the fields of parameter structs::

    class Deploy(Struct):
        archive: Annotated[File, Meta(description="The archive to deploy.")]
        target: Annotated[str, address_of("node"), Meta(description="Where to.")]
        token: Annotated[Secret, Meta(description="Sent as a bearer token.")] = ""

**Secrets.** A form masks them, the command line asks for them without echo, and `env:NAME` or `file:PATH` may be given in place of the
value. A short action gets the value itself, which is in no journal, history or file. An action that starts a *job* takes references only,
because its parameters are kept in the database until the job ends: a plain value is refused with a sentence, and the reference is replaced
by the value when an attempt starts. Processes, controllers and schedules, which outlive the request as well, do as jobs do.

**Files** are absolute paths on the client's machine, checked to exist before they are sent.
"""

from typing import Annotated, Any

from msgspec import Meta

from quarterdeck_api.catalogue import ONLY_WITH

#: An existing file.
File = Annotated[str, Meta(extra_json_schema={"format": "file"})]

#: An existing folder.
Folder = Annotated[str, Meta(extra_json_schema={"format": "folder"})]

#: A value that nobody may see.
Secret = Annotated[str, Meta(extra_json_schema={"format": "secret"})]

#: The name of a dataset of the core; the job that it belongs to can read it.
DatasetName = Annotated[str, Meta(extra_json_schema={"format": "dataset"})]

#: The name of a dataset that a job is to make. One that is there already is refused before the job is queued, unless a parameter
#: `replace` or `overwrite` beside it is true.
NewDatasetName = Annotated[str, Meta(extra_json_schema={"format": "new-dataset"})]

#: The name of something that is made for each resource, in which a placeholder in braces may stand for the resource's own name. For several
#: resources at once it has to have one.
NameTemplate = Annotated[str, Meta(extra_json_schema={"format": "name-template"})]

#: The address of any resource.
AnyAddress = Annotated[str, Meta(extra_json_schema={"format": "address"})]


def only_with(parameter: str, *words: str) -> dict[str, Any]:
    """Keywords for a property's schema: it means something only while one of the words stands in a parameter of the action.

    Forms show such a field only then: `Annotated[int, Meta(extra_json_schema=only_with("strategy", "canary"))]`.
    """
    return {ONLY_WITH: {"parameter": parameter, "words": list(words)}}


def address_of(kind: str) -> Meta:
    """Marks a text as the address of a resource of a kind: `Annotated[str, address_of("node")]`."""
    return Meta(extra_json_schema={"format": "address", "kind": kind})
